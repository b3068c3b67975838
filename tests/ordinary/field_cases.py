"""Runs the folder of field cases, where there is one: `python -m tests.ordinary.field_cases FOLDER`.

Their inputs are no part of this repository. What is right is in each case's `expected.md`; here it is as moments.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from infra.backtest.run import BacktestRun, Group
from infra.settings import Settings
from models.state.results import Folded
from tests.ordinary.judge import Complaint, judge
from tests.ordinary.play import Outcome, outcome_of
from tests.ordinary.weeks import Feed, Incident, Span, Weeks


@dataclass(frozen=True, slots=True)
class Case:
    """One entity of one case.

    Attributes:
        data: folder of DATA files. entity: of the entity rule. happens: (begin, minutes, within minutes, held).
        missing: (begin, minutes, within minutes). quiet: (begin, end).
        allowed: (begin, end), neither asked nor counted.
        learns_until: false alarms before are forgiven, two of them.
    """

    name: str
    data: str
    entity: str
    happens: tuple[tuple[str, float, float, bool], ...] = ()
    missing: tuple[tuple[str, float, float], ...] = ()
    quiet: tuple[tuple[str, str], ...] = ()
    allowed: tuple[tuple[str, str], ...] = ()
    learns_until: str = ""
    metric: str = ""
    over_min: float = 60.0
    interval_s: float = 60.0


def _p95(name: str, data: str, *days: str) -> Case:
    happens = (("2026-10-08T05:00", 6, 3, True), ("2026-10-08T10:00", 15, 5, True), ("2026-10-08T17:00", 15, 5, True))
    more = tuple((day, 15.0, 5.0, True) for day in days)
    return Case(name, data, name, happens + more, learns_until="2026-10-07T00:00", metric="p95_ms")


B03_LONG = ("2026-10-10T05:00", "2026-10-13T05:00", "2026-10-16T03:00")
NIGHTS = tuple((f"2026-10-{day:02}T01:50", f"2026-10-{day:02}T02:50") for day in range(5, 22))
FIRST_NIGHTS = tuple((f"2026-10-{day:02}T01:50", f"2026-10-{day:02}T04:00") for day in range(1, 5))
MULTI = "b01_shift_then_constant/data"

CASES = (
    *(
        Case(f"b01 {entity}", data, f"{entity}/a", (("2026-10-08T00:00", 120, 2, False),),
             learns_until="2026-10-07T00:00", metric="open_sessions", over_min=22 * 60)
        for entity, data in (("ledger", MULTI), ("ledgerm", MULTI), ("ledgerl", "b01_shift_then_constant/long/data"))
    ),
    *(
        Case(f"b02 {entity}", "b02_all_constant/data", f"{entity}/a", (("2026-10-07T10:00", 20, 2, True),),
             learns_until="2026-10-06T00:00", metric="replicas")
        for entity in ("vault", "vault1")
    ),
    _p95("quotes/a", "b03_big_spike_masks/data"),
    _p95("quotesl/a", "b03_big_spike_masks/long/data", *B03_LONG),
    _p95("quoteslm/a", "b03_big_spike_masks/long/data", *B03_LONG),
    Case("b05 single", "b05_weekend_level_on_wednesday/data", "tickets/a", (("2026-10-28T10:00", 120, 15, True),),
         quiet=(("2026-10-17T00:00", "2026-10-18T23:55"), ("2026-10-24T00:00", "2026-10-25T23:55")),
         allowed=(("2026-10-03T00:00", "2026-10-06T00:00"), ("2026-10-10T00:00", "2026-10-13T00:00")),
         interval_s=300),
    *(
        Case(f"b05 daily drop {entity}", "b05_weekend_level_on_wednesday/daily_drop75/data", f"{entity}/a",
             (("2026-10-14T10:00", 120, 15, True),), metric="requests_per_min", interval_s=300)
        for entity in ("tddrop75", "tdmdrop75")
    ),
    Case("b06 zeros", "b06_count_vanishes/data", "payzero/a", (("2026-10-08T11:40", 40, 2, True),),
         learns_until="2026-10-07T00:00"),
    Case("b06 no rows", "b06_count_vanishes/data", "payin/a", missing=(("2026-10-08T11:40", 40, 12),),
         learns_until="2026-10-07T00:00"),
    Case("b06 no rows, one file", "b06_count_vanishes/onefile/data", "payin/a",
         missing=(("2026-10-08T11:40", 40, 12),), learns_until="2026-10-07T00:00"),
    Case("b07", "b07_step_up_80/data", "edge/a", (("2026-10-14T10:00", 60, 10, True),), interval_s=300),
    Case("b08", "b08_plain_spikes_5s/data", "sensor/a",
         tuple((f"2026-10-05T{at}", 0.3, 0.5, False) for at in ("04:10", "06:15", "08:20", "09:43:20")),
         learns_until="2026-10-05T02:00", interval_s=5),
    *(
        Case(f"b09 {job}{label}", f"b09_hourly_missing/{folder}", f"etl/{job}", ((slow, every, 5, False),),
             missing=((begin, minutes, within),), allowed=((begin, after),), learns_until="2026-10-10T00:00",
             over_min=6 * every, interval_s=every * 60)
        for label, folder in (("", "data"), (" one file", "onefile/data"))
        for job, slow, begin, minutes, within, after, every in (
            ("hourly", "2026-11-05T10:00", "2026-10-31T02:30", 330.0, 210.0, "2026-10-31T12:00", 60.0),
            ("nightly", "2026-10-23T02:05", "2026-10-15T02:06", 2879.0, 2160.0, "2026-10-18T02:05", 1440.0),
        )
    ),
    *(
        Case(f"b10 {entity}", "b10_nightly_backup/data", f"{entity}/a", (("2026-10-19T12:30", 40, 10, True),),
             quiet=NIGHTS, allowed=FIRST_NIGHTS, interval_s=300)
        for entity in ("dbhost", "dbhost1")
    ),
    *(
        Case(f"b14 {scale}", "b14_scales/data", f"s{scale}/a", (("2026-10-07T11:40", 10, 2, True),),
             learns_until="2026-10-06T00:00")
        for scale in ("one", "tiny", "huge", "negative", "offset", "bigoffset")
    ),
    *(
        Case(f"b15 {entity}", "b15_boolean_up/data", f"probe/{entity}",
             (("2026-10-08T03:20", 10, 2, True), ("2026-10-11T03:20", 10, 2, True)), learns_until="2026-10-06T00:00")
        for entity in ("shop.example", "shop2.example")
    ),
    Case("b17", "b17_month_end/data", "billing/a", (("2026-07-31T20:00", 180, 60, False),),
         quiet=(("2026-08-31T19:00", "2026-09-01T06:00"), ("2026-09-30T19:00", "2026-10-01T06:00")), interval_s=1800,
         learns_until="2026-07-25T00:00", over_min=300),
    *(
        Case(f"b18 {entity}", "b18_linear_growth/data", f"{entity}/a", interval_s=300, learns_until="2026-10-05T00:00")
        for entity in ("disk1", "diskm")
    ),
    Case("b20", "b20_one_metric_vanishes/data", "proxy/a", (("2026-10-09T08:20", 60, 15, False),),
         learns_until="2026-10-07T00:00", metric="errors_ratio", over_min=18 * 60),
    *(
        Case(f"b21 {entity}", "b21_stuck_value/data", f"{entity}/a", (("2026-10-09T05:00", 360, 60, False),),
             learns_until="2026-10-07T00:00", metric="temp_c")
        for entity in ("stuck1", "stuckm")
    ),
)  # fmt: skip
"""Repeats and units (b16), files (b22), pods (b11), messages and SLOs are other tests' business."""


def _s(moment: str) -> float:
    return float(np.datetime64(moment, "s").astype(np.int64))


def story(case: Case, outcome: Outcome) -> Weeks:
    """The case as `judge` takes it."""
    times = outcome.tracks[case.entity].time_s
    service, _, instance = case.entity.partition("/")
    w = Weeks(np.random.default_rng(0), float(times[-1] - times[0]) / 86_400, case.interval_s)
    w.start_s, w.checks_band = float(times[0]), False
    w.judged_from_s = _s(case.learns_until) if case.learns_until else float(times[0]) + 7 * 86_400
    w.feeds = [Feed((service, instance), times)]
    w.incidents = [
        Incident(_s(at), _s(at) + 60 * minutes, 60 * within, held, case.metric, (service, instance),
                 over_s=60 * case.over_min)
        for at, minutes, within, held in case.happens
    ]  # fmt: skip
    w.incidents += [
        Incident(_s(at), _s(at) + 60 * minutes, 60 * within, False, "", (service, instance), missing=True)
        for at, minutes, within in case.missing
    ]
    w.quiet = [Span(_s(begin), _s(end), f"nothing to tell ({begin})") for begin, end in case.quiet]
    w.allowed = [Span(_s(begin), _s(end), "to be expected") for begin, end in case.allowed]
    return w


@dataclass
class _Kept(BacktestRun):
    """A run of `backtest` that keeps what it writes."""

    folds: list[tuple[list[str], Folded]] = field(default_factory=list)

    def _take(self, folded: Folded, group: Group, scores: Any) -> None:
        super()._take(folded, group, scores)
        self.folds.append(([name.entity for name in group.pipeline.entities], folded))


def played(folder: Path) -> tuple[Outcome, dict[str, Any]]:
    """What `tidewatch backtest` tells of a folder, and its report."""
    kept = _Kept(Settings(), [], 65_536, lambda path, samples: None)
    with tempfile.TemporaryDirectory(prefix="tidewatch-cases-") as out:
        report = kept.play(folder, Path(out), None)
    merged = Outcome({}, [], [], 0)
    for group in kept.groups:
        entities = [name.entity for name in group.pipeline.entities]
        one = outcome_of(entities, [fold for names, fold in kept.folds if names[0] in entities])
        merged.tracks.update(one.tracks)
        merged.alerts.extend(one.alerts)
        merged.silences.extend(one.silences)
    return merged, report


def judged(folder: Path) -> dict[str, list[Complaint]]:
    """Complaints by case."""
    outcomes: dict[str, Outcome] = {}
    found = {}
    for case in CASES:
        if case.data not in outcomes:
            outcomes[case.data], _ = played(folder / case.data)
        whole = outcomes[case.data]
        mine = Outcome(
            {case.entity: whole.tracks[case.entity]},
            [alert for alert in whole.alerts if alert.entity == case.entity],
            [silence for silence in whole.silences if silence[0] == case.entity],
            0,
        )
        w = story(case, mine)
        several = len(set(mine.tracks[case.entity].cause) - {""}) > 1
        complaints = judge(w, mine)
        found[case.name] = [c for c in complaints if several or c.about != "cause"]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if not folder.is_dir():
        print(f"skipped: no field cases at {folder}")
        return 0
    results = judged(folder)
    for name, complaints in results.items():
        print(f"{'right' if not complaints else 'WRONG':6}{name}")
        for complaint in complaints:
            print(f"        {complaint.about}: {complaint.text}")
    print(f"{sum(not complaints for complaints in results.values())} of {len(results)} right")
    return 0


if __name__ == "__main__":
    sys.exit(main())
