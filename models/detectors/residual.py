"""Level detectors for one series: score, then learn. Compiled functions over one row of the series table.

Two channels, in nats of surprise against the series' own past, the larger counts:

- residual against a fast and a slow level (exponential means; winsorised, so that an outlier moves them by little), in
  units of a robust scale, calibrated by the streaming tail of its own absolute values;
- silence: rows missing of a series that is regularly there.

While values are odd next to nothing is learnt, so that an incident does not become normal as it goes on. A run of odd
values is learnt once, when it is over, by its largest residual: what happens now and then is part of normal, however
long it takes each time. A run that has lasted `rebaseline_rows`, or twice as long as all that was known before, is the
new normal.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.pareto_tail import Tail, learn_tail, tail_surprise, tail_value
from models.state.tables import Table, Tables

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
"""Weight of learning from odd values: a minute of them at one second moves a level by a third of a row's step."""

FIRST_ROWS = 3.0
"""Rows of a series before it has a level that anything could be far from."""

ODD = 7.0
"""Nats from which a value is odd: one in 1,100."""

SHORTEST_REGIME = 60
"""Rows that a new regime lasts at least, however young the series is."""

REBASELINE_ROWS = 300
"""Odd rows after which a regime is the new normal, where nobody says another number."""

LINEAR = 30.0
"""Nats up to which surprise is linear; logarithmic beyond, so that no single series drowns the others."""


@compiled
def unit(one: Table, channel: int) -> float:
    """The scale that a residual is divided by, never 0, wider while few rows are known.

    A fiftieth of the range seen and `LEAST_EFFECT` of the level are the least that counts as one unit: a constant, a
    counter that idles and an integer that rarely moves would otherwise make every step a thousand deviations.
    """
    floor = max(1e-9, LEAST_EFFECT * abs(one.level[channel]), 0.02 * (one.high - one.low))
    return float(max(one.scale[channel], floor) * (1.0 + 4.0 / (one.n + 1.0)))


@compiled
def is_of_interest(one: Table, value: float) -> bool:
    """Whether a value may count as odd: it has left the slow level in the direction asked for, and far enough.

    A missing value always may: it has no direction.
    """
    if math.isnan(value) or one.n < FIRST_ROWS:
        return True
    change = value - one.level[1]
    if change * one.direction < 0.0:
        return False
    return bool(abs(change) >= _least_effect(one))


@compiled
def _least_effect(one: Table) -> float:
    return float(max(one.least_effect, one.least_effect_ratio * abs(one.level[1])))


@compiled
def surprise(one: Table, value: float) -> float:
    """Nats of surprise of a value (NaN: missing in this row) before it is learnt."""
    if one.n < FIRST_ROWS:
        return 0.0
    nats = 0.0
    if math.isnan(value):
        if one.regular > 0.95 and one.n >= 20.0:
            nats = (one.missing + 1.0) * min(-math.log(1.0 - one.regular + 1.0 / one.n), 4.0)
    else:
        for channel in range(2):
            z = abs(value - one.level[channel]) / unit(one, channel)
            nats = max(nats, tail_surprise(z, _tail(one, channel), P_CUT))
    if nats > LINEAR:
        nats = LINEAR + 10.0 * math.log1p((nats - LINEAR) / 10.0)
    # n rows can't tell any probability; a run of odd rows says more, a series that never moved says less
    moved = max(one.scale[0], one.scale[1]) > 1e-4 * abs(one.level[1]) and one.high > one.low
    limit = math.log(one.n + 1.0) * ((4.0 if moved else 2.0) + 0.5 * min(one.odd, 4))
    return float(min(nats, limit))


@compiled
def _tail(one: Table, channel: int) -> Tail:
    return Tail(one.cut[channel], one.excess[channel], one.square[channel], one.beyond[channel])


@compiled
def band(one: Table, nats: float) -> tuple[float, float, float]:
    """Expected value, lower and upper bound: inside, both residual channels stay below `nats`, or the change is smaller
    than anybody asked for."""
    if nats > LINEAR:
        nats = LINEAR + 10.0 * math.expm1((nats - LINEAR) / 10.0)
    low, high = -math.inf, math.inf
    for channel in range(2):
        reach = unit(one, channel) * tail_value(nats, _tail(one, channel), P_CUT)
        low, high = max(low, one.level[channel] - reach), min(high, one.level[channel] + reach)
    if low > high:
        middle = 0.5 * (low + high)
        low, high = middle, middle
    least = _least_effect(one)
    if least > 0.0:
        low, high = min(low, one.level[1] - least), max(high, one.level[1] + least)
    return min(max(one.level[0], low), high), low, high


@compiled
def learn(one: Table, value: float, nats: float, rebaseline_rows: int) -> None:
    """Take a value (NaN: missing) into the series' state, given how surprising it was."""
    if math.isnan(value):
        # an interruption is not learnt as irregularity until it has lasted as long as a new regime
        one.missing += 1
        if one.missing < 3 or one.missing > rebaseline_rows:
            one.regular += (0.0 - one.regular) / min(one.n + 2.0, 200.0)
        return
    one.missing = 0
    if one.n == 0.0:
        _begin(one, value, 0.0)
        one.n, one.regular = 1.0, 1.0
        for channel in range(2):
            one.cut[channel], one.excess[channel], one.square[channel] = 2.0, 0.8, 1.28
        return
    _watch_regime(one, value, nats)
    if one.odd >= min(rebaseline_rows, max(SHORTEST_REGIME, 2.0 * one.n)):
        rebaseline(one)
        return
    weight = 1.0
    if nats >= ODD:
        weight = LEAST_WEIGHT
        for channel in range(2):
            one.held[channel] = max(one.held[channel], abs(value - one.level[channel]) / unit(one, channel))
    elif one.odd == 0 and one.held[1] > 0.0:
        _release(one)
    one.regular += (1.0 - one.regular) / min(one.n + 2.0, 200.0)
    _learn_range(one, value, weight)
    for channel in range(2):
        _learn_residual(one, value, channel, weight)
    one.n += weight


@compiled
def _release(one: Table) -> None:
    """Learn a run of odd values that is over. It extends the range by half: what was seen once is still half new."""
    for channel in range(2):
        _learn_tail(one, channel, one.held[channel], 1.0)
        one.held[channel] = 0.0
    one.high += 0.5 * max(one.new_high - one.high, 0.0)
    one.low -= 0.5 * max(one.low - one.new_low, 0.0)


@compiled
def _learn_tail(one: Table, channel: int, z: float, weight: float) -> None:
    tail = learn_tail(z, _tail(one, channel), P_CUT, one.n, weight)
    one.cut[channel], one.excess[channel] = tail.cut, tail.excess
    one.square[channel], one.beyond[channel] = tail.square, tail.beyond


@compiled
def _begin(one: Table, level: float, scale: float) -> None:
    one.low = one.high = level
    one.odd = 0
    one.held[:] = 0.0
    for channel in range(2):
        one.level[channel], one.scale[channel] = level, scale


@compiled
def _learn_residual(one: Table, value: float, channel: int, weight: float) -> None:
    residual = value - one.level[channel]
    scale = unit(one, channel)
    if one.n >= 8.0:
        _learn_tail(one, channel, abs(residual) / scale, weight)
        residual = min(max(residual, -CLIP * scale), CLIP * scale)
    rows = SHORT if channel == 0 else LONG
    one.level[channel] += weight * residual / min(one.n + 1.0, rows)
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    one.scale[channel] += weight * (1.2533 * abs(residual) - one.scale[channel]) / min(one.n + 1.0, SCALE_ROWS)


@compiled
def _learn_range(one: Table, value: float, weight: float) -> None:
    one.high += weight * max(value - one.high, 0.0)
    one.low -= weight * max(one.low - value, 0.0)


@compiled
def _watch_regime(one: Table, value: float, nats: float) -> None:
    """Follow the values of a run of odd rows; a calm row takes two from its length."""
    if nats < ODD:
        one.odd = max(one.odd - 2, 0)
        return
    if one.odd == 0:
        one.new_level, one.new_scale = value, 0.0
        one.new_low = one.new_high = value
    one.odd += 1
    residual = value - one.new_level
    rate = 1.0 / min(one.odd + 1.0, 60.0)
    one.new_level += rate * residual
    one.new_scale += rate * (1.2533 * abs(residual) - one.new_scale)
    one.new_low, one.new_high = min(one.new_low, value), max(one.new_high, value)


@compiled
def rebaseline(one: Table) -> None:
    """Make the regime of the current run the new normal; how residuals are distributed is kept."""
    n = max(min(one.odd, 100), 10)
    low, high = one.new_low, one.new_high
    _begin(one, one.new_level, one.new_scale)
    one.low, one.high = low, high
    one.n = n


@compiled
def rebaseline_drifted(tables: Tables, n_series: int, service: int, trained_to_ns: int) -> None:
    """End the odd runs of a service's series whose drift its new model has been trained on."""
    for number in range(n_series):
        one = tables.series[number]
        if tables.entities[one.entity].service == service and one.odd > 0 and 0 < one.drift_ns <= trained_to_ns:
            rebaseline(one)


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            one, value = table[series], values[row, series]
            nats[row, series] = surprise(one, value)
            learn(one, value, nats[row, series], REBASELINE_ROWS)
