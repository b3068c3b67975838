"""Residual of one series to what is usual at this hour of the day. Compiled functions over one row of the series table.

What is usual is the mean of the hour. Neither a fast nor a slow level knows that a value which is ordinary at noon is
not at night; a residual to the hour, held against the tail of those seen, does. On its first day it knows no more than
the hour that goes on.

Source: Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring", LISA 2000, with means in place of
exponential smoothing, and the tail of `pareto_tail` in place of its normal band. `hour_of_week` does the same for the
hours of the week, in more than twice the state."""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_surprise
from models.state.fields import F8, Field, Floats, Table
from models.timestamps import HOUR_NS

HOURS = 24


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


class HourOfDayRow(Protocol):
    """Mean of each hour of the day and its rows; of residuals to these means how many were learnt, the mean of their
    amounts, and the tail of these."""

    hour_mean: Annotated[Floats, Field("f8", (HOURS,))]
    hour_rows: Annotated[NDArray[np.float32], Field("f4", (HOURS,))]
    hour_n_residuals: F8
    hour_scale: F8
    hour_tail_cut: F8
    hour_tail_mean_excess: F8
    hour_tail_mean_square: F8
    hour_tail_exceedances: F8


@compiled
def usual(series: HourOfDayRow, value: float, tick_ns: int) -> float:
    """Mean of the hour of the day; of an hour that has not been lived yet, the value itself."""
    hour = _hour(tick_ns)
    return float(series.hour_mean[hour]) if series.hour_rows[hour] > 0.0 else value


@compiled
def surprise(series: HourOfDayRow, value: float, tick_ns: int) -> float:
    """Nats of surprise of a value's residual to its hour, before it is learnt; 0 where that is missing or unknown."""
    if math.isnan(value) or series.hour_n_residuals < WARM_ROWS:
        return 0.0
    x = min(max(value, -LARGEST), LARGEST)
    units = abs(x - usual(series, x, tick_ns)) / _unit(series, x, tick_ns)
    return float(tail_surprise(min(units, FARTHEST), _tail(series), P_CUT))


@compiled
def learn(series: HourOfDayRow, value: float, tick_ns: int) -> None:
    """Take a value, which is not missing, into the tail and the scale of residuals, and into the mean of its hour."""
    x = min(max(value, -LARGEST), LARGEST)
    hour = _hour(tick_ns)
    if series.hour_rows[hour] > 0.0:
        _learn_residual(series, x, tick_ns)
    series.hour_rows[hour] += 1.0
    series.hour_mean[hour] += (x - series.hour_mean[hour]) / series.hour_rows[hour]


@compiled
def _learn_residual(series: HourOfDayRow, x: float, tick_ns: int) -> None:
    residual = abs(x - usual(series, x, tick_ns))
    if series.hour_n_residuals == 0.0:
        series.hour_tail_cut, series.hour_tail_mean_excess, series.hour_tail_mean_square = 2.0, 0.8, 1.28
    elif series.hour_n_residuals >= WARM_ROWS:
        unit = _unit(series, x, tick_ns)
        residual = min(residual, FARTHEST * unit)
        tail = learn_tail(residual / unit, _tail(series), P_CUT, series.hour_n_residuals, 1.0)
        (
            series.hour_tail_cut,
            series.hour_tail_mean_excess,
            series.hour_tail_mean_square,
            series.hour_tail_exceedances,
        ) = tail.cut, tail.mean_excess, tail.mean_square, tail.exceedances
    series.hour_scale += (residual - series.hour_scale) / min(series.hour_n_residuals + 1.0, SCALE_ROWS)
    series.hour_n_residuals += 1.0


@compiled
def _hour(tick_ns: int) -> int:
    return int((tick_ns // HOUR_NS) % HOURS)


@compiled
def _unit(series: HourOfDayRow, value: float, tick_ns: int) -> float:
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    return float(max(1.2533 * series.hour_scale, LEAST_EFFECT * abs(usual(series, value, tick_ns)), 1e-9))


@compiled
def _tail(series: HourOfDayRow) -> ParetoTail:
    return ParetoTail(
        series.hour_tail_cut, series.hour_tail_mean_excess, series.hour_tail_mean_square, series.hour_tail_exceedances
    )


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            series: HourOfDayRow = table[column]
            value = values[tick, column]
            surprise_nats[tick, column] = surprise(series, value, tick_ns[tick])
            if not math.isnan(value):
                learn(series, value, tick_ns[tick])
