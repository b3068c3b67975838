"""The workbook's table, measured: how soon each pair of windows fires in an outage, and how soon after it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.records import SampleColumns
from models.series import EntityRule
from models.slo.definition import MetricQuery, RatioIndicator, Slo, TimeWindow, WindowUnit
from models.slo.simulate.recorder import SloRecorder
from models.slo.simulate.what_if import evaluation_moments, simulate, variants
from models.slo.windows import BurnPair, window_name
from models.timestamps import DAY_S

TARGET = 0.999
STEP_S = 10
EVERY_S = 10.0
EVENTS = 10_000.0
CALM_S = 4 * DAY_S
"""Before the outage: longer than the longest window."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One pair of windows at one error ratio; seconds, None where it does not fire."""

    pair: BurnPair
    error_ratio: float
    detection_s: float | None
    expected_s: float | None
    reset_s: float | None


def measured(error_ratios: tuple[float, ...] = (1.0, 0.1, 0.02, 0.005)) -> Iterator[Measured]:
    """Detection and reset times of a service whose requests fail at one of these ratios until every pair that can has
    fired, and a day more."""
    indicator = RatioIndicator(MetricQuery("bad_total", ()), True, MetricQuery("all_total", ()), True)
    slo = Slo("measured", "web", TARGET, TimeWindow(30, WindowUnit.DAY), indicator)
    for ratio in error_ratios:
        outage_s = max(_expected_s(pair, ratio) or 0.0 for pair in slo.pairs)
        steps = [round(length / STEP_S) for length in (CALM_S, outage_s + 600, 2 * DAY_S)]
        bad = np.repeat([0.0, ratio, 0.0], steps) * EVENTS
        recorder = SloRecorder([slo], EntityRule(("service",), (), "host"), lateness_s=60, every_s=EVERY_S)
        recorder.record(_counters(bad))
        recorded = recorder.recorded(0)
        (variant,) = variants(slo, [], [], [])
        outcome = simulate(variant, recorded, evaluation_moments([recorded], EVERY_S), [])
        alerts = {(alert.severity, alert.burn_window): alert for alert in outcome.alerts}
        end_s = (steps[0] + steps[1]) * STEP_S
        for pair in slo.pairs:
            alert = alerts.get((pair.severity, pair.name))
            resolved_s = alert.resolved_s if alert is not None else None
            yield Measured(
                pair,
                ratio,
                alert.fired_s - CALM_S if alert is not None else None,
                _expected_s(pair, ratio),
                resolved_s - end_s if resolved_s is not None else None,
            )


def _expected_s(pair: BurnPair, error_ratio: float) -> float | None:
    """The workbook's formula: (1 - SLO) / error ratio * window * burn rate; None where that is beyond the window."""
    seconds = (1 - TARGET) / error_ratio * pair.long_s * pair.factor
    return seconds if seconds <= pair.long_s else None


def _counters(bad: np.ndarray) -> SampleColumns:
    values = np.zeros((len(bad) + 1, 2))
    values[1:] = np.cumsum(np.column_stack((np.full(len(bad), EVENTS), bad)), axis=0)
    times = np.arange(len(values), dtype=np.int64) * STEP_S * 1_000_000_000
    ids = ['all_total{service="web"}', 'bad_total{service="web"}']
    return SampleColumns(ids, np.tile(np.array([0, 1], np.int32), len(values)), np.repeat(times, 2), values.ravel())


def table() -> list[str]:
    """The measurements as a Markdown table."""
    rows = list(measured())
    ratios = sorted({row.error_ratio for row in rows}, reverse=True)
    by_pair: dict[BurnPair, dict[float, Measured]] = {}
    for row in rows:
        by_pair.setdefault(row.pair, {})[row.error_ratio] = row
    head = "".join(f" found at {ratio:.1%} (formula) |" for ratio in ratios)
    lines = [f"| alert | windows | factor |{head} reset |", "| --- | --- | ---: |" + " ---: |" * (len(ratios) + 1)]
    for pair, found in by_pair.items():
        cells = "".join(f" {_length(m.detection_s)} ({_length(m.expected_s)}) |" for m in found.values())
        resets = [m.reset_s for m in found.values() if m.reset_s is not None]
        reset = f"{_length(min(resets))} to {_length(max(resets))}" if resets else "-"
        windows = f"{pair.name} and {window_name(pair.short_s)}"
        lines.append(f"| {pair.severity} | {windows} | {pair.factor:g} |{cells} {reset} |")
    return lines


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
