"""Residual of one series to what is usual at this hour of the week. Compiled functions over one row of the channel's
table.

What is usual is the mean of the hour of the week; where that hour has been lived less than once or twice, the mean of
the hour of the day, each counting for as many rows as an hour of it has. A residual is held against the tail of those
seen. 168 means in two bytes each, as steps of the range, keep a series below a kilobyte.

Source: Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring", LISA 2000, with means in place of
exponential smoothing, and the tail of `pareto_tail` in place of its normal band. Not part of the shipped score, which
knows the hour of the day only: as a third channel of novelty the hour of the week was better on one half of the public
benchmark and worse on the other (`benchmarks/quality/README.md`).
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_surprise
from models.state.fields import F8, I8, Field, Floats, Table
from models.timestamps import DAY_NS, HOUR_NS

HOURS_OF_DAY, HOURS_OF_WEEK = 24, 168


class HourOfWeekRow(Protocol):
    """State of a series.

    Attributes:
        n: rows learnt. scale: mean absolute residual.
        low, step: where the steps of `week` begin and how large one is (0: not known yet).
        day, day_rows: means of the hours of the day, with their rows.
        week, week_hours: means of the hours of the week, in steps, and how many such hours were lived.
        hour, hour_sum, hour_rows: the hour that goes on. tail_*: of residuals.
    """

    n: F8
    low: F8
    step: F8
    scale: F8
    day: Annotated[Floats, Field("f8", (HOURS_OF_DAY,))]
    day_rows: Annotated[NDArray[np.float32], Field("f4", (HOURS_OF_DAY,))]
    week: Annotated[NDArray[np.int16], Field("i2", (HOURS_OF_WEEK,))]
    week_hours: Annotated[NDArray[np.uint8], Field("u1", (HOURS_OF_WEEK,))]
    hour: I8
    hour_sum: F8
    hour_rows: F8
    tail_cut: F8
    tail_mean_excess: F8
    tail_mean_square: F8
    tail_exceedances: F8


MONDAY_NS = 4 * DAY_NS
"""Event time of the first Monday: the epoch was a Thursday."""

STEPS = 30_000.0
"""Steps from the lowest to the highest value of the first day."""

P_CUT = 0.1

LARGEST = 1e300
"""Values are cut here, so that no difference overflows."""

WARM_ROWS = 50.0

MEMORY_HOURS = 8.0
"""Hours of a kind that a mean remembers: eight weeks."""


@compiled
def usual(series: HourOfWeekRow, tick_ns: int) -> float:
    """Value to be expected in this hour; NaN before its hour of the day has been lived once."""
    day, week = _hours(tick_ns)
    if series.day_rows[day] == 0.0:
        return math.nan
    mean = float(series.day[day])
    lived = float(series.week_hours[week])
    if lived > 0.0:
        mean += (series.low + series.step * (series.week[week] + STEPS) - mean) * lived / (lived + 1.0)
    return mean


@compiled
def score(series: HourOfWeekRow, value: float, tick_ns: int) -> float:
    """Nats of surprise of a value's residual to its hour."""
    expected = usual(series, tick_ns)
    if math.isnan(value) or math.isnan(expected) or series.n < WARM_ROWS:
        return 0.0
    return float(tail_surprise(min(abs(value - expected) / _unit(series), 1e100), _tail(series), P_CUT))


@compiled
def learn(series: HourOfWeekRow, value: float, tick_ns: int) -> None:
    """Take a value in; an hour of the week is learnt when it is over."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if series.n == 0.0:
        series.tail_cut, series.tail_mean_excess, series.tail_mean_square = 2.0, 0.8, 1.28
    expected = usual(series, tick_ns)
    if not math.isnan(expected):
        residual = abs(value - expected)
        if series.n >= WARM_ROWS:
            residual = min(residual, 1e6 * _unit(series))
            tail = learn_tail(residual / _unit(series), _tail(series), P_CUT, series.n, 1.0)
            series.tail_cut, series.tail_mean_excess, series.tail_mean_square, series.tail_exceedances = (
                tail.cut,
                tail.mean_excess,
                tail.mean_square,
                tail.exceedances,
            )
        series.scale += (residual - series.scale) / min(series.n + 1.0, 1000.0)
    day, _ = _hours(tick_ns)
    hour = tick_ns // HOUR_NS
    if hour != series.hour:
        _learn_hour(series)
        series.hour, series.hour_sum, series.hour_rows = hour, 0.0, 0.0
    series.hour_sum += value / 1024.0
    series.hour_rows += 1.0
    series.day_rows[day] = min(series.day_rows[day] + 1.0, 100_000.0)
    series.day[day] += (value - series.day[day]) / series.day_rows[day]
    series.n += 1.0


@compiled
def _learn_hour(series: HourOfWeekRow) -> None:
    """Take the hour that is over into the mean of its hour of the week."""
    if series.hour_rows == 0.0:
        return
    if series.step == 0.0:
        low, high = math.inf, -math.inf
        for day in range(HOURS_OF_DAY):
            if series.day_rows[day] > 0.0:
                low, high = min(low, series.day[day]), max(high, series.day[day])
        # four times the range of the means of the first hours: what lies outside is cut
        margin = max(2.0 * (high - low), 4.0 * series.scale, 1e-3 * max(abs(low), abs(high)), 1e-9)
        if series.n < WARM_ROWS:
            return
        series.low, series.step = 0.5 * (low + high) - margin, margin / STEPS
    _, week = _hours(series.hour * HOUR_NS)
    place = (series.hour_sum / series.hour_rows * 1024.0 - series.low) / series.step - STEPS
    lived = min(series.week_hours[week] + 1.0, MEMORY_HOURS)
    before = float(series.week[week])
    series.week[week] = int(before + (min(max(place, -STEPS), STEPS) - before) / lived)
    series.week_hours[week] = int(lived)


@compiled
def _hours(tick_ns: int) -> tuple[int, int]:
    """Hour of the day, 0 to 23, and of the week, from Monday on, UTC."""
    hour = (tick_ns - MONDAY_NS) // HOUR_NS
    return int(hour % HOURS_OF_DAY), int(hour % HOURS_OF_WEEK)


@compiled
def _unit(series: HourOfWeekRow) -> float:
    return float(max(1.2533 * series.scale, 1e-3 * abs(series.low), 1e-9))


@compiled
def _tail(series: HourOfWeekRow) -> ParetoTail:
    return ParetoTail(series.tail_cut, series.tail_mean_excess, series.tail_mean_square, series.tail_exceedances)


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            surprise_nats[tick, column] = score(table[column], values[tick, column], tick_ns[tick])
            learn(table[column], values[tick, column], tick_ns[tick])
