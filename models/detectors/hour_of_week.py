"""Residual of one series to what is usual at this hour of the week. Compiled functions over one row of the channel's
table.

What is usual is the mean of the hour of the week; where that hour has been lived less than once or twice, the mean of
the hour of the day, each counting for as many rows as an hour of it has. A residual is held against the tail of those
seen. 168 means in two bytes each, as steps of the range, keep a series below a kilobyte.

Source: Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring", LISA 2000, with means in place of
exponential smoothing, and the tail of `threshold` in place of its normal band. Not part of the shipped score, which
knows the hour of the day only: as a third channel of novelty the hour of the week was better on one half of the public
benchmark and worse on the other (`benchmarks/quality/README.md`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import Tail, learn_tail, tail_surprise
from models.state.tables import Table

HOURS_OF_DAY, HOURS_OF_WEEK = 24, 168

STATE = np.dtype(
    [
        ("n", "f8"),
        ("low", "f8"),
        ("step", "f8"),
        ("scale", "f8"),
        ("day", "f8", (HOURS_OF_DAY,)),
        ("day_rows", "f4", (HOURS_OF_DAY,)),
        ("week", "i2", (HOURS_OF_WEEK,)),
        ("week_hours", "u1", (HOURS_OF_WEEK,)),
        ("hour", "i8"),
        ("hour_sum", "f8"),
        ("hour_rows", "f8"),
        ("cut", "f8"),
        ("excess", "f8"),
        ("square", "f8"),
        ("beyond", "f8"),
    ],
    align=True,
)
"""Rows learnt; where the steps of `week` begin and how large one is (0: not known yet); mean absolute residual; means
of the hours of the day with their rows; means of the hours of the week, in steps, and how many such hours were lived;
the hour that goes on; the tail of residuals."""

HOUR_NS = 3_600_000_000_000

MONDAY_NS = 4 * 86_400_000_000_000
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
def usual(one: Table, tick_ns: int) -> float:
    """Value to be expected in this hour; NaN before its hour of the day has been lived once."""
    day, week = _hours(tick_ns)
    if one.day_rows[day] == 0.0:
        return math.nan
    mean = float(one.day[day])
    lived = float(one.week_hours[week])
    if lived > 0.0:
        mean += (one.low + one.step * (one.week[week] + STEPS) - mean) * lived / (lived + 1.0)
    return mean


@compiled
def score(one: Table, value: float, tick_ns: int) -> float:
    """Nats of surprise of a value's residual to its hour."""
    expected = usual(one, tick_ns)
    if math.isnan(value) or math.isnan(expected) or one.n < WARM_ROWS:
        return 0.0
    return float(tail_surprise(min(abs(value - expected) / _unit(one), 1e100), _tail(one), P_CUT))


@compiled
def learn(one: Table, value: float, tick_ns: int) -> None:
    """Take a value in; an hour of the week is learnt when it is over."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if one.n == 0.0:
        one.cut, one.excess, one.square = 2.0, 0.8, 1.28
    expected = usual(one, tick_ns)
    if not math.isnan(expected):
        residual = abs(value - expected)
        if one.n >= WARM_ROWS:
            residual = min(residual, 1e6 * _unit(one))
            tail = learn_tail(residual / _unit(one), _tail(one), P_CUT, one.n, 1.0)
            one.cut, one.excess, one.square, one.beyond = tail.cut, tail.excess, tail.square, tail.beyond
        one.scale += (residual - one.scale) / min(one.n + 1.0, 1000.0)
    day, _ = _hours(tick_ns)
    hour = tick_ns // HOUR_NS
    if hour != one.hour:
        _learn_hour(one)
        one.hour, one.hour_sum, one.hour_rows = hour, 0.0, 0.0
    one.hour_sum += value / 1024.0
    one.hour_rows += 1.0
    one.day_rows[day] = min(one.day_rows[day] + 1.0, 100_000.0)
    one.day[day] += (value - one.day[day]) / one.day_rows[day]
    one.n += 1.0


@compiled
def _learn_hour(one: Table) -> None:
    """Take the hour that is over into the mean of its hour of the week."""
    if one.hour_rows == 0.0:
        return
    if one.step == 0.0:
        low, high = math.inf, -math.inf
        for day in range(HOURS_OF_DAY):
            if one.day_rows[day] > 0.0:
                low, high = min(low, one.day[day]), max(high, one.day[day])
        # four times the range of the means of the first hours: what lies outside is cut
        reach = max(2.0 * (high - low), 4.0 * one.scale, 1e-3 * max(abs(low), abs(high)), 1e-9)
        if one.n < WARM_ROWS:
            return
        one.low, one.step = 0.5 * (low + high) - reach, reach / STEPS
    _, week = _hours(one.hour * HOUR_NS)
    place = (one.hour_sum / one.hour_rows * 1024.0 - one.low) / one.step - STEPS
    lived = min(one.week_hours[week] + 1.0, MEMORY_HOURS)
    before = float(one.week[week])
    one.week[week] = int(before + (min(max(place, -STEPS), STEPS) - before) / lived)
    one.week_hours[week] = int(lived)


@compiled
def _hours(tick_ns: int) -> tuple[int, int]:
    """Hour of the day, 0 to 23, and of the week, from Monday on, UTC."""
    hour = (tick_ns - MONDAY_NS) // HOUR_NS
    return int(hour % HOURS_OF_DAY), int(hour % HOURS_OF_WEEK)


@compiled
def _unit(one: Table) -> float:
    return float(max(1.2533 * one.scale, 1e-3 * abs(one.low), 1e-9))


@compiled
def _tail(one: Table) -> Tail:
    return Tail(one.cut, one.excess, one.square, one.beyond)


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            nats[row, series] = score(table[series], values[row, series], tick_ns[row])
            learn(table[series], values[row, series], tick_ns[row])
