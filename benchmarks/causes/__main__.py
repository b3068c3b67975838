"""`python -m benchmarks.causes [--incidents N] [--seed N]`: cause accuracy and lead time; a table, and JSON beside it.

Every incident is played through the live system's core: simulated samples, the fold, the trainer's first model, an
evaluation of the SLOs every ten seconds. Its cause is the series that the incident acts on. The page of the first SLO
that fires is asked for its causes; of an incident that burns no budget, its anomaly is, five minutes later.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.causes.incidents import Case, cases
from benchmarks.causes.play import RULE, PlayedIncident, place_of, play
from models.pipeline.config import PipelineConfig

RESULTS: Final = Path(__file__).parents[1] / "results" / "causes.json"
HISTORY_S: Final = 26 * 3600.0
"""A day, after which the detectors call themselves calibrated, and two hours."""

INTERVAL_S: Final = 10.0
FIRST_GOAL: Final = 0.90
TOP_THREE_GOAL: Final = 0.98
EARLY_GOAL: Final = 0.80
WIDTHS: Final = (10, 7, 7, 7, 16, 13)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.causes", description=__doc__)
    parser.add_argument("--incidents", type=int, default=96)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-model", action="store_true", help="the online detectors alone, as before training")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    played = measure(chosen.incidents, chosen.seed, with_model=not chosen.without_model, processes=chosen.processes)
    rows = figures(played)
    report(rows, kinds(played), misses(played))
    save(rows, kinds(played), misses(played), " ".join(["python -m benchmarks.causes", *arguments]))
    return 0


def measure(
    incidents: int, seed: int, *, with_model: bool, processes: int = 1, history_s: float = HISTORY_S
) -> list[PlayedIncident]:
    """Play incidents, each after so many seconds of quiet; the same for the same seed."""
    one = partial(_play, with_model=with_model)
    wanted = list(cases(incidents, seed=seed, history_s=history_s))
    if processes == 1:
        return [one(case) for case in wanted]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(one, wanted))


def _play(case: Case, *, with_model: bool) -> PlayedIncident:
    return play(case, INTERVAL_S, PipelineConfig(RULE), with_model=with_model)


def figures(played: Sequence[PlayedIncident]) -> list[dict[str, Any]]:
    """The figures that goals are set for, and what explains them."""
    asked = [one for one in played if one.asked]
    slow = [one for one in asked if one.case.slow and one.page_s is not None]
    leads, alerts = _early(one.lead_s for one in slow), _early(one.alert_lead_s for one in slow)
    onsets = [lead for one in slow if (lead := _shown_lead_s(one)) is not None]
    # a lead that noise has bought is none
    false_anomalies = statistics.mean(one.false_anomalies_per_day for one in played)
    false_alerts = statistics.mean(one.false_alerts_per_day for one in played)
    return [
        _row("incidents that somebody was told of", float(len(asked)), f"of {len(played)}"),
        _row("the right series is the first cause", _share(asked, _at_most(1)), "ratio", FIRST_GOAL),
        _row("the right series is among the first three", _share(asked, _at_most(3)), "ratio", TOP_THREE_GOAL),
        _row("first cause, from anomalies alone", _share(asked, lambda one: _place(one.first, one) <= 1), "ratio"),
        _row("slow incidents: anomaly before the page", len(leads) / len(slow) if slow else 0.0, "ratio", EARLY_GOAL),
        _row("slow incidents: alert of its own before it", len(alerts) / len(slow) if slow else 0.0, "ratio"),
        _row("slow incidents: median lead where it was", statistics.median(leads) if leads else 0.0, "s"),
        _row("slow incidents: onset named by the page", statistics.median(onsets) if onsets else 0.0, "s before it"),
        _row("anomalies before anything was wrong", false_anomalies, "a day"),
        _row("alerts before anything was wrong", false_alerts, "a day"),
    ]


def kinds(played: Sequence[PlayedIncident]) -> list[dict[str, Any]]:
    """The same by kind of incident, which says where it misses."""
    names = sorted({(one.case.slow, one.case.kind.value) for one in played})
    found = []
    for slow, kind in names:
        mine = [one for one in played if (one.case.slow, one.case.kind.value) == (slow, kind)]
        paged = [one for one in mine if one.page_s is not None]
        early = _early(one.lead_s for one in paged)
        found.append(
            {
                "kind": f"{kind}, {'slow' if slow else 'at once'}",
                "incidents": len(mine),
                "first": sum(_place(one.ranked, one) == 1 for one in mine if one.asked),
                "first_three": sum(_place(one.ranked, one) <= 3 for one in mine if one.asked),
                "paged": len(paged),
                "anomaly_before_page": len(early),
                "median_lead_s": statistics.median(early) if early else None,
            }
        )
    return found


def misses(played: Sequence[PlayedIncident]) -> list[str]:
    """A sentence for each page that did not name the right series first."""
    return [
        f"{one.case.kind.value} {'slow' if one.case.slow else 'at once'} *{one.case.magnitude:g} in "
        f"{one.case.instance or one.case.service.name}: {one.case.cause} is number {_place(one.ranked, one)} behind "
        + ", ".join(f"{cause.metric} {cause.part:.0%}" for cause in one.ranked[:2])
        for one in played
        if one.asked and _place(one.ranked, one) > 1
    ]


def _early(leads_s: Iterable[float | None]) -> list[float]:
    """Those of what came before its page."""
    return [lead_s for lead_s in leads_s if lead_s is not None and lead_s > 0]


def _place(ranked: list[Any], one: PlayedIncident) -> int:
    return place_of(one.case.cause, ranked) or 10**6


def _at_most(place: int) -> Callable[[PlayedIncident], bool]:
    return lambda one: _place(one.ranked, one) <= place


def _share(played: Sequence[PlayedIncident], right: Callable[[PlayedIncident], bool]) -> float:
    return sum(map(right, played)) / len(played) if played else 0.0


def _shown_lead_s(one: PlayedIncident) -> float | None:
    """How long before its page the page says that the right series left its normal."""
    cause = next((cause for cause in one.ranked if cause.metric == one.case.cause and cause.onset_ns), None)
    return None if cause is None or one.page_s is None else one.page_s - (cause.onset_ns - one.begins_ns) / 1e9


def _row(name: str, value: float, unit: str, goal: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "met": None if goal is None else value >= goal}


def report(rows: Sequence[dict[str, Any]], by_kind: Sequence[dict[str, Any]], missed: Sequence[str]) -> None:
    """Print the tables."""
    for row in rows:
        goal = "" if row["goal"] is None else f"goal {row['goal']:.2f} {'met' if row['met'] else 'MISSED'}"
        print(f"{row['name']:<45} {row['value']:>8.3g} {row['unit']:<12} {goal}")
    head = ("incidents", "first", "top 3", "paged", "anomaly before", "median lead")
    print(f"\n{'kind':<24}" + "".join(f"{name:>{width}}" for name, width in zip(head, WIDTHS, strict=True)))
    for row in by_kind:
        lead = "-" if row["median_lead_s"] is None else f"{row['median_lead_s']:.0f} s"
        told = [row[name] for name in ("incidents", "first", "first_three", "paged", "anomaly_before_page")]
        print(f"{row['kind']:<24}" + "".join(f"{x:>{width}}" for x, width in zip([*told, lead], WIDTHS, strict=True)))
    print()
    for sentence in missed:
        print(f"missed: {sentence}")


def save(
    rows: Sequence[dict[str, Any]], by_kind: Sequence[dict[str, Any]], missed: Sequence[str], command: str
) -> None:
    """Write the tables as JSON."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "rows": [{**row, "command": command} for row in rows],
        "kinds": list(by_kind),
        "misses": list(missed),
    }
    RESULTS.write_text(json.dumps(body, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
