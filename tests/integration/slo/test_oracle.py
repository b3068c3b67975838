"""Prometheus as oracle: the workbook's rules, evaluated by promtool over the same samples, fire and resolve with us.

Our side is what `tidewatch slo simulate` does: the fold's placing and counting, then the replay. Between two of our
transitions Prometheus' alert has to be in our state at every evaluation but the first and the last, so a transition
that it makes more than one evaluation earlier or later fails, and so does any that we do not make.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.names import Severity
from models.reasons import AlertState
from models.records import SampleColumns
from models.series import EntityRule
from models.slo.definition import MetricQuery, RatioIndicator, Slo, TimeWindow, WindowUnit
from models.slo.simulate.recorder import SloRecorder
from models.slo.simulate.replay import BurnTransition, replay

PROMTOOL = shutil.which("promtool")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: install the package `prometheus`"),
]

TARGET = 0.999
ALLOWED = 0.001
RUNNING_FOR = 1e6
"""First value of both counters. `rate()` takes a counter that begins near zero to have begun just before, and adds up
to a step of growth to one and not to the other, which moves a slow crossing by minutes while windows are not full."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Period:
    """How one period is tested.

    Attributes:
        pairs: severity, long window, short window, factor: the workbook's table, by hand; other periods have windows
            scaled from its 30 days, and factors such that the long one spends 2, 5, 10 and 10 % of the budget.
        unit_s: length of the shortest long window, the unit of the histories.
        step_s, evaluation_s: between samples, between evaluations.
    """

    window: TimeWindow
    pairs: tuple[tuple[Severity, str, str, float], ...]
    unit_s: int
    step_s: int
    evaluation_s: int


PAGE, TICKET = Severity.PAGE, Severity.TICKET
MONTH = ((PAGE, "1h", "5m", 14.4), (PAGE, "6h", "30m", 6.0), (TICKET, "1d", "2h", 3.0), (TICKET, "3d", "6h", 1.0))
WEEK = (
    (PAGE, "14m", "1m", 14.4),
    (PAGE, "84m", "7m", 6.0),
    (TICKET, "336m", "28m", 3.0),
    (TICKET, "1008m", "84m", 1.0),
)
QUARTER = ((PAGE, "3h", "15m", 14.4), (PAGE, "18h", "90m", 6.0), (TICKET, "3d", "6h", 3.0), (TICKET, "9d", "18h", 1.0))
PERIODS = {
    "7 days": Period(TimeWindow(7, WindowUnit.DAY), WEEK, 14 * 60, 20, 60),
    "30 days": Period(TimeWindow(30, WindowUnit.DAY), MONTH, 3600, 60, 60),
    "a calendar quarter": Period(
        TimeWindow(1, WindowUnit.QUARTER, "2026-01-01", "Europe/Berlin"), QUARTER, 3 * 3600, 150, 300
    ),
}


class History:
    """Counters of one service; lengths are in units of the period."""

    def __init__(self, period: Period, seed: int) -> None:
        self._period = period
        self._random = np.random.default_rng(seed)
        self._events: list[Numbers] = []
        self._bad: list[Numbers] = []
        self._silent: list[NDArray[np.bool_]] = []
        self._restarts: list[int] = []

    def go_on(self, units: float, burn: float = 0.2, *, events: float = 1000, silent: bool = False) -> History:
        """So many units of `events` a step, on average, that burn at this rate; `silent`: without a sample."""
        n = max(round(units * self._period.unit_s / self._period.step_s), 1)
        counts = self._random.poisson(events, n).astype(float)
        self._events.append(counts)
        self._bad.append(self._random.binomial(counts.astype(int), min(burn * ALLOWED, 1.0)).astype(float))
        self._silent.append(np.full(n, silent))
        return self

    def restart(self) -> History:
        """Both counters begin at zero again."""
        self._restarts.append(sum(map(len, self._events)))
        return self

    def counters(self) -> tuple[Numbers, Numbers]:
        """Values of `events_total` and `bad_total` at every step, NaN where there is no sample."""
        silent = np.concatenate(self._silent)
        counters = []
        for increments in (np.concatenate(self._events), np.concatenate(self._bad)):
            pieces = [np.cumsum(piece) for piece in np.split(increments, self._restarts)]
            pieces[0] += RUNNING_FOR
            counters.append(np.where(silent, np.nan, np.concatenate(pieces)))
        return counters[0], counters[1]


OUTAGE = 1 / ALLOWED
HISTORIES: dict[str, Callable[[History], object]] = {
    "a sudden outage": lambda h: h.go_on(5).go_on(0.7, OUTAGE).go_on(9),
    "half of the requests fail for a short while": lambda h: h.go_on(4).go_on(0.15, OUTAGE / 2).go_on(7),
    "an outage from the first sample on": lambda h: h.go_on(0.5, 300).go_on(10),
    "a slow burn": lambda h: h.go_on(6).go_on(14, 4.3).go_on(8),
    "a burn that creeps up and down": lambda h: [h.go_on(0.5, 25 * np.sin(k / 30 * np.pi) ** 2) for k in range(60)],
    "flapping": lambda h: [h.go_on(0.05, 100).go_on(0.12) for _ in range(40)],
    "flapping slowly": lambda h: [h.go_on(0.6, 40).go_on(1.5) for _ in range(8)],
    "low traffic": lambda h: h.go_on(6, events=0.3).go_on(1, 600, events=0.3).go_on(9, events=0.3),
    "traffic stops in an outage": lambda h: h.go_on(5).go_on(0.4, 500).go_on(3, events=0).go_on(4),
    "counters restart in an outage": lambda h: h.go_on(5).go_on(0.3, 80).restart().go_on(0.4, 80).restart().go_on(7),
    "a crash loop": lambda h: [h.go_on(0.1, 60).restart() for _ in range(12)] + [h.go_on(6)],
    "samples are missing while nothing happens": lambda h: h.go_on(4).go_on(1.5, silent=True).go_on(3).go_on(1, 50),
    "samples are missing while everything fails": lambda h: (
        h.go_on(4).go_on(0.3, 90).go_on(0.5, 90, silent=True).go_on(0.2, 90).go_on(6)
    ),
    "an outage that nobody saw": lambda h: h.go_on(5).go_on(0.6, OUTAGE, silent=True).go_on(8),
}


def history(period: Period, name: str) -> tuple[Numbers, Numbers]:
    made = History(period, seed=len(name))
    HISTORIES[name](made)
    return made.counters()


def ours(period: Period, events: Numbers, bad: Numbers) -> list[BurnTransition]:
    """Our transitions over the samples, evaluated at the moments at which promtool evaluates."""
    indicator = RatioIndicator(MetricQuery("bad_total", ()), True, MetricQuery("events_total", ()), True)
    slo = Slo("oracle", "web", TARGET, period.window, indicator)
    time_ns = np.arange(len(events), dtype=np.int64) * period.step_s * 1_000_000_000
    values = np.column_stack((events, bad)).ravel()
    there = np.isfinite(values)
    samples = SampleColumns(
        ['events_total{service="web"}', 'bad_total{service="web"}'],
        np.tile(np.array([0, 1], np.int32), len(events))[there],
        np.repeat(time_ns, 2)[there],
        values[there],
    )
    rule = EntityRule(("service",), ("instance",), "host")
    recorder = SloRecorder([slo], rule, lateness_s=60, every_s=period.evaluation_s)
    recorder.record(samples)
    moments = np.arange(0.0, len(events) * period.step_s, period.evaluation_s)
    return replay(slo, recorder.recorded(0), moments)


def rules(period: Period) -> dict[str, object]:
    def burns(window: str, factor: float) -> str:
        rates = f"rate(bad_total[{window}]) / rate(events_total[{window}])"
        return f"{rates} > ({factor} * {ALLOWED})"

    alerts = [
        {"alert": f"{severity.value}-{long}", "expr": f"({burns(long, factor)}) and ({burns(short, factor)})"}
        for severity, long, short, factor in period.pairs
    ]
    return {"groups": [{"name": "workbook", "interval": f"{period.evaluation_s}s", "rules": alerts}]}


def assertions(
    period: Period, name: str, transitions: list[BurnTransition], n_steps: int
) -> Iterator[dict[str, object]]:
    """That Prometheus' alert is in our state between our transitions."""
    last_s = (n_steps - 1) * period.step_s // period.evaluation_s * period.evaluation_s
    for severity, window, _, _ in period.pairs:
        own = [t for t in transitions if (t.severity, t.burn_window) == (severity, window)]
        edges = [0, *(int(t.at_s) for t in own), last_s + period.evaluation_s]
        states = [AlertState.RESOLVED, *(t.state for t in own)]
        for begin_s, end_s, state in zip(edges[:-1], edges[1:], states, strict=True):
            first_s = begin_s + (period.evaluation_s if begin_s else 0)
            until_s = end_s - (2 if end_s <= last_s else 1) * period.evaluation_s
            if until_s < first_s:
                continue
            alert = f'ALERTS{{alertstate="firing", alertname="{severity.value}-{window}", history="{name}"}}'
            n = (until_s - first_s) // period.evaluation_s + 1
            yield {
                "expr": f"sum(count_over_time({alert}[{max(until_s - first_s, 1)}s]))",
                "eval_time": f"{until_s}s",
                "exp_samples": [{"labels": "{}", "value": n}] if state is AlertState.FIRING else [],
            }


def values(counter: Numbers) -> str:
    return " ".join("_" if np.isnan(value) else f"{value:.0f}" for value in counter.tolist())


@pytest.mark.parametrize("name", PERIODS)
def test_we_fire_and_resolve_within_one_evaluation_of_prometheus(name: str, tmp_path: Path) -> None:
    period = PERIODS[name]
    series, expected = [], []
    for told in HISTORIES:
        events, bad = history(period, told)
        transitions = ours(period, events, bad)
        assert transitions or "nobody saw" in told, f"{told}: a history on which nothing happens shows nothing"
        expected += assertions(period, told, transitions, len(events))
        for metric, counter in (("events_total", events), ("bad_total", bad)):
            series.append({"series": f'{metric}{{history="{told}"}}', "values": values(counter)})
    test = {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{period.evaluation_s}s",
        "tests": [{"interval": f"{period.step_s}s", "input_series": series, "promql_expr_test": expected}],
    }
    (tmp_path / "rules.json").write_text(json.dumps(rules(period)))
    (tmp_path / "test.json").write_text(json.dumps(test))
    assert PROMTOOL is not None
    run = subprocess.run(
        [PROMTOOL, "test", "rules", "test.json"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[:6000]
