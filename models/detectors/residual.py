"""Level detectors for one series: score, then learn. Compiled functions over one row of the series table.

Two channels, in nats of surprise against the series' own past, the larger counts:

- residual against a fast and a slow level (exponential means; winsorised, so that an outlier moves them by little), in
  units of a robust scale, calibrated by the streaming tail of its own absolute values;
- silence: rows missing of a series that is regularly there.

While values are outlying next to nothing is learnt, so that an incident does not become normal as it goes on. A run of
outlying
values is learnt once, when it is over, by its largest residual: what happens now and then is part of normal, however
long it takes each time. A run that has lasted `rebaseline_rows`, or twice as long as all that was known before, is the
new normal.
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_surprise
from models.state.fields import F8, I4, I8, Field, Floats, Table
from models.state.metric_rules import MetricRuleRow
from models.state.tables import EntityLinks, SeriesLinks, Tables

P_CUT = 0.1
"""Share of a series' residuals beyond the cut of their tail."""

SHORT, LONG = 12.0, 300.0
"""Rows that the fast and the slow level remember: a spike stands out from the first, a shift stays visible in the
second."""

SCALE_ROWS = 300.0
CLIP = 3.0
"""Residuals move a level by at most this many scales."""

LEAST_EFFECT = 0.01
"""Share of the level below which nobody wants to hear of a change: the memory of a process that grows by a page."""

LEAST_WEIGHT = 0.005
"""Weight of learning from outlying values: a minute of them at one second moves a level by a third of a row's step."""

FIRST_ROWS = 3.0
"""Rows of a series before it has a level that anything could be far from."""

OUTLYING_NATS = 7.0
"""Nats from which a value is outlying: one in 1,100."""

SHORTEST_REGIME = 60
"""Rows that a new regime lasts at least, however young the series is."""

REBASELINE_ROWS = 300
"""Odd rows after which a regime is the new normal, where nobody says another number."""

LINEAR = 30.0
"""Nats up to which surprise is linear; logarithmic beyond, so that no single series drowns the others."""


class ResidualRow(Protocol):
    """What these detectors remember of a series.

    Attributes:
        residual_n: rows learnt, those of outlying values by their weight.
        residual_level, residual_scale: fast and slow.
        residual_tail_*: of residuals to either level, in scales.
        residual_low, residual_high: range of the values learnt.
        residual_presence_ratio: share of the newest rows that had a value. residual_missing_rows: rows since the last.
        residual_run_*: the run of outlying values that goes on: its length, its largest residual to either level, and
            the level, scale and range that it would be the new normal with.
        residual_drift_ns: newest drift of the series, 0 none.
    """

    residual_n: F8
    residual_level: Annotated[Floats, Field("f8", (2,))]
    residual_scale: Annotated[Floats, Field("f8", (2,))]
    residual_tail_cut: Annotated[Floats, Field("f8", (2,))]
    residual_tail_mean_excess: Annotated[Floats, Field("f8", (2,))]
    residual_tail_mean_square: Annotated[Floats, Field("f8", (2,))]
    residual_tail_exceedances: Annotated[Floats, Field("f8", (2,))]
    residual_low: F8
    residual_high: F8
    residual_presence_ratio: F8
    residual_missing_rows: I4
    residual_run_rows: I4
    residual_run_largest: Annotated[Floats, Field("f8", (2,))]
    residual_run_level: F8
    residual_run_scale: F8
    residual_run_low: F8
    residual_run_high: F8
    residual_drift_ns: I8


class ResidualSeries(ResidualRow, MetricRuleRow, SeriesLinks, Protocol):
    """And which changes of its metric count, and whose it is."""


@compiled
def unit(series: ResidualSeries, channel: int) -> float:
    """The scale that a residual is divided by, never 0, wider while few rows are known.

    A fiftieth of the range seen and `LEAST_EFFECT` of the level are the least that counts as one unit: a constant, a
    counter that idles and an integer that rarely moves would otherwise make every step a thousand deviations.
    """
    floor = max(
        1e-9, LEAST_EFFECT * abs(series.residual_level[channel]), 0.02 * (series.residual_high - series.residual_low)
    )
    return float(max(series.residual_scale[channel], floor) * (1.0 + 4.0 / (series.residual_n + 1.0)))


@compiled
def is_of_interest(series: ResidualSeries, value: float) -> bool:
    """Whether a value may count as outlying: it has left the slow level in the direction asked for, and far enough.

    A missing value always may: it has no direction.
    """
    if math.isnan(value) or series.residual_n < FIRST_ROWS:
        return True
    change = value - series.residual_level[1]
    if change * series.rule_direction < 0.0:
        return False
    return bool(abs(change) >= least_effect(series))


@compiled
def least_effect(series: ResidualSeries) -> float:
    """Least change from the level that anybody wants to hear of."""
    return float(max(series.rule_least_effect, series.rule_least_effect_ratio * abs(series.residual_level[1])))


@compiled
def surprise(series: ResidualSeries, value: float) -> float:
    """Nats of surprise of a value (NaN: missing in this row) before it is learnt."""
    if series.residual_n < FIRST_ROWS:
        return 0.0
    surprise_nats = 0.0
    if math.isnan(value):
        if series.residual_presence_ratio > 0.95 and series.residual_n >= 20.0:
            surprise_nats = (series.residual_missing_rows + 1.0) * min(
                -math.log(1.0 - series.residual_presence_ratio + 1.0 / series.residual_n), 4.0
            )
    else:
        for channel in range(2):
            z = abs(value - series.residual_level[channel]) / unit(series, channel)
            surprise_nats = max(surprise_nats, tail_surprise(z, _tail(series, channel), P_CUT))
    if surprise_nats > LINEAR:
        surprise_nats = LINEAR + 10.0 * math.log1p((surprise_nats - LINEAR) / 10.0)
    # n rows can't tell any probability; a run of outlying rows says more, a series that never moved says less
    moved = (
        max(series.residual_scale[0], series.residual_scale[1]) > 1e-4 * abs(series.residual_level[1])
        and series.residual_high > series.residual_low
    )
    limit = math.log(series.residual_n + 1.0) * ((4.0 if moved else 2.0) + 0.5 * min(series.residual_run_rows, 4))
    return float(min(surprise_nats, limit))


@compiled
def _tail(series: ResidualSeries, channel: int) -> ParetoTail:
    return ParetoTail(
        series.residual_tail_cut[channel],
        series.residual_tail_mean_excess[channel],
        series.residual_tail_mean_square[channel],
        series.residual_tail_exceedances[channel],
    )


@compiled
def learn(series: ResidualSeries, value: float, surprise_nats: float, rebaseline_rows: int, missing_rows: int) -> None:
    """Take a value (NaN: missing) into the series' state, given how surprising it was."""
    if math.isnan(value):
        # an interruption is not learnt as irregularity until it has lasted as long as a new regime
        series.residual_missing_rows += 1
        if series.residual_missing_rows < 3 or series.residual_missing_rows > missing_rows:
            series.residual_presence_ratio += (0.0 - series.residual_presence_ratio) / min(
                series.residual_n + 2.0, 200.0
            )
        return
    series.residual_missing_rows = 0
    if series.residual_n == 0.0:
        _begin(series, value, 0.0)
        series.residual_n, series.residual_presence_ratio = 1.0, 1.0
        for channel in range(2):
            (
                series.residual_tail_cut[channel],
                series.residual_tail_mean_excess[channel],
                series.residual_tail_mean_square[channel],
            ) = 2.0, 0.8, 1.28
        return
    _watch_regime(series, value, surprise_nats)
    if series.residual_run_rows >= min(rebaseline_rows, max(SHORTEST_REGIME, 2.0 * series.residual_n)):
        rebaseline(series)
        return
    weight = 1.0
    if surprise_nats >= OUTLYING_NATS:
        weight = LEAST_WEIGHT
        for channel in range(2):
            series.residual_run_largest[channel] = max(
                series.residual_run_largest[channel],
                abs(value - series.residual_level[channel]) / unit(series, channel),
            )
    elif series.residual_run_rows == 0 and series.residual_run_largest[1] > 0.0:
        _release(series)
    series.residual_presence_ratio += (1.0 - series.residual_presence_ratio) / min(series.residual_n + 2.0, 200.0)
    _learn_range(series, value, weight)
    for channel in range(2):
        _learn_residual(series, value, channel, weight)
    series.residual_n += weight


@compiled
def _release(series: ResidualSeries) -> None:
    """Learn a run of outlying values that is over. It extends the range by half: what was seen once is still half
    new."""
    for channel in range(2):
        _learn_tail(series, channel, series.residual_run_largest[channel], 1.0)
        series.residual_run_largest[channel] = 0.0
    series.residual_high += 0.5 * max(series.residual_run_high - series.residual_high, 0.0)
    series.residual_low -= 0.5 * max(series.residual_low - series.residual_run_low, 0.0)


@compiled
def _learn_tail(series: ResidualSeries, channel: int, z: float, weight: float) -> None:
    tail = learn_tail(z, _tail(series, channel), P_CUT, series.residual_n, weight)
    series.residual_tail_cut[channel], series.residual_tail_mean_excess[channel] = tail.cut, tail.mean_excess
    series.residual_tail_mean_square[channel], series.residual_tail_exceedances[channel] = (
        tail.mean_square,
        tail.exceedances,
    )


@compiled
def _begin(series: ResidualSeries, level: float, scale: float) -> None:
    series.residual_low = series.residual_high = level
    series.residual_run_rows = 0
    series.residual_run_largest[:] = 0.0
    for channel in range(2):
        series.residual_level[channel], series.residual_scale[channel] = level, scale


@compiled
def _learn_residual(series: ResidualSeries, value: float, channel: int, weight: float) -> None:
    residual = value - series.residual_level[channel]
    scale = unit(series, channel)
    if series.residual_n >= 8.0:
        _learn_tail(series, channel, abs(residual) / scale, weight)
        residual = min(max(residual, -CLIP * scale), CLIP * scale)
    rows = SHORT if channel == 0 else LONG
    series.residual_level[channel] += weight * residual / min(series.residual_n + 1.0, rows)
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    series.residual_scale[channel] += (
        weight * (1.2533 * abs(residual) - series.residual_scale[channel]) / min(series.residual_n + 1.0, SCALE_ROWS)
    )


@compiled
def _learn_range(series: ResidualSeries, value: float, weight: float) -> None:
    series.residual_high += weight * max(value - series.residual_high, 0.0)
    series.residual_low -= weight * max(series.residual_low - value, 0.0)


@compiled
def _watch_regime(series: ResidualSeries, value: float, surprise_nats: float) -> None:
    """Follow the values of a run of outlying rows; a calm row takes two from its length."""
    if surprise_nats < OUTLYING_NATS:
        series.residual_run_rows = max(series.residual_run_rows - 2, 0)
        return
    if series.residual_run_rows == 0:
        series.residual_run_level, series.residual_run_scale = value, 0.0
        series.residual_run_low = series.residual_run_high = value
    series.residual_run_rows += 1
    residual = value - series.residual_run_level
    rate = 1.0 / min(series.residual_run_rows + 1.0, 60.0)
    series.residual_run_level += rate * residual
    series.residual_run_scale += rate * (1.2533 * abs(residual) - series.residual_run_scale)
    series.residual_run_low, series.residual_run_high = (
        min(series.residual_run_low, value),
        max(series.residual_run_high, value),
    )


@compiled
def rebaseline(series: ResidualSeries) -> None:
    """Make the regime of the current run the new normal; how residuals are distributed is kept."""
    n = max(min(series.residual_run_rows, 100), 10)
    low, high = series.residual_run_low, series.residual_run_high
    _begin(series, series.residual_run_level, series.residual_run_scale)
    series.residual_low, series.residual_high = low, high
    series.residual_n = n


@compiled
def rebaseline_drifted(tables: Tables, n_series: int, service: int, trained_to_ns: int) -> None:
    """End the outlying runs of a service's series whose drift its new model has been trained on."""
    for number in range(n_series):
        series: ResidualSeries = tables.series[number]
        entity: EntityLinks = tables.entities[series.link_entity]
        if (
            entity.link_service == service
            and series.residual_run_rows > 0
            and 0 < series.residual_drift_ns <= trained_to_ns
        ):
            rebaseline(series)


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            series: ResidualSeries = table[column]
            value = values[tick, column]
            surprise_nats[tick, column] = surprise(series, value)
            learn(series, value, surprise_nats[tick, column], REBASELINE_ROWS, REBASELINE_ROWS)
