"""Residual of one series to what is usual at this hour of the day. Compiled functions over one row of the series table.

What is usual is the mean of the hour. Neither a fast nor a slow level knows that a value which is ordinary at noon is
not at night; a residual to the hour, held against the tail of those seen, does. On its first day it knows no more than
the hour that goes on.

Source: Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring", LISA 2000, with means in place of
exponential smoothing, and the tail of `threshold` in place of its normal band. `seasonal` does the same for the hours
of the week, in more than twice the state.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import Tail, learn_tail, tail_surprise
from models.state.tables import HOURS, Table

HOUR_NS = 3_600_000_000_000

P_CUT = 0.1

WARM_ROWS = 50.0
"""Residuals before their scale is known well enough."""

SCALE_ROWS = 1000.0

LEAST_EFFECT = 0.01
"""Share of what is usual that a unit of residuals has at least: a change below that is none, and a constant has no
scale."""

FARTHEST = 1e6
"""Units beyond which a residual is not learnt as any larger."""

LARGEST = 1e300
"""Values are cut here, so that no difference overflows."""


@compiled
def usual(one: Table, value: float, tick_ns: int) -> float:
    """Mean of the hour of the day; of an hour that has not been lived yet, the value itself."""
    hour = _hour(tick_ns)
    return float(one.hour_mean[hour]) if one.hour_rows[hour] > 0.0 else value


@compiled
def surprise(one: Table, value: float, tick_ns: int) -> float:
    """Nats of surprise of a value's residual to its hour, before it is learnt; 0 where that is missing or unknown."""
    if math.isnan(value) or one.day_n < WARM_ROWS:
        return 0.0
    x = min(max(value, -LARGEST), LARGEST)
    units = abs(x - usual(one, x, tick_ns)) / _unit(one, x, tick_ns)
    return float(tail_surprise(min(units, FARTHEST), _tail(one), P_CUT))


@compiled
def learn(one: Table, value: float, tick_ns: int) -> None:
    """Take a value, which is not missing, into the tail and the scale of residuals, and into the mean of its hour."""
    x = min(max(value, -LARGEST), LARGEST)
    hour = _hour(tick_ns)
    if one.hour_rows[hour] > 0.0:
        _learn_residual(one, x, tick_ns)
    one.hour_rows[hour] += 1.0
    one.hour_mean[hour] += (x - one.hour_mean[hour]) / one.hour_rows[hour]


@compiled
def _learn_residual(one: Table, x: float, tick_ns: int) -> None:
    residual = abs(x - usual(one, x, tick_ns))
    if one.day_n == 0.0:
        one.day_cut, one.day_excess, one.day_square = 2.0, 0.8, 1.28
    elif one.day_n >= WARM_ROWS:
        unit = _unit(one, x, tick_ns)
        residual = min(residual, FARTHEST * unit)
        tail = learn_tail(residual / unit, _tail(one), P_CUT, one.day_n, 1.0)
        one.day_cut, one.day_excess, one.day_square, one.day_beyond = tail.cut, tail.excess, tail.square, tail.beyond
    one.day_scale += (residual - one.day_scale) / min(one.day_n + 1.0, SCALE_ROWS)
    one.day_n += 1.0


@compiled
def _hour(tick_ns: int) -> int:
    return int((tick_ns // HOUR_NS) % HOURS)


@compiled
def _unit(one: Table, value: float, tick_ns: int) -> float:
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    return float(max(1.2533 * one.day_scale, LEAST_EFFECT * abs(usual(one, value, tick_ns)), 1e-9))


@compiled
def _tail(one: Table) -> Tail:
    return Tail(one.day_cut, one.day_excess, one.day_square, one.day_beyond)


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            one, value = table[series], values[row, series]
            nats[row, series] = surprise(one, value, tick_ns[row])
            if not math.isnan(value):
                learn(one, value, tick_ns[row])
