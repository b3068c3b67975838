"""Changes of variance of one series: a fast against a slow exponential variance. Compiled functions over one row of the
channel's table.

What is left of a value when the fast level is taken off, squared and cut, goes into two means; the logarithm of their
ratio is nearly normal with a variance of two over the rows that the fast one remembers. Either way counts: a sensor
that has frozen is as odd as one that jitters.

Source: Crowder and Hamilton, "An EWMA for Monitoring a Process Standard Deviation", Journal of Quality Technology 24,
1992. Not part of the shipped score: the noise of real metrics follows their load, and by itself it gains nothing on the
public benchmark (`benchmarks/quality/README.md`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.state.tables import Table

STATE = np.dtype([("n", "f8"), ("level", "f8"), ("fast", "f8"), ("slow", "f8")], align=True)
"""Rows learnt, fast level, fast and slow mean of squared residuals."""

LEVEL_ROWS, FAST_ROWS, SLOW_ROWS = 12.0, 30.0, 1000.0

FREEDOM = 2.0 * FAST_ROWS - 1.0
"""Degrees of freedom of an exponential mean that remembers so many rows."""

CLIP = 16.0
"""Slow variances that one row adds at most: one spike is no change of variance."""

LARGEST = 1e150
"""Values are cut here, so that no square overflows."""

WARM_ROWS = 100.0
"""Rows before there is a slow variance to speak of."""

LEAST = 1e-6
"""Share of the level that counts as a deviation at least: a constant has no variance to change."""


@compiled
def score(one: Table, value: float) -> float:
    """Nats of surprise about the fast variance, this value included, against the slow one."""
    if math.isnan(value) or one.n < WARM_ROWS:
        return 0.0
    floor = _floor(one)
    fast = one.fast + (_square(one, value) - one.fast) / FAST_ROWS
    z = abs(math.log((fast + floor) / (one.slow + floor))) * math.sqrt(FREEDOM / 2.0)
    # Mills' ratio keeps the two-sided normal tail from underflowing
    return float(0.5 * z * z + math.log1p(z) - math.log(2.0)) if z > 1.0 else float(0.5 * z * z)


@compiled
def learn(one: Table, value: float) -> None:
    """Take a value in."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if one.n == 0.0:
        one.level = value
    square = _square(one, value)
    one.level += (value - one.level) / min(one.n + 1.0, LEVEL_ROWS)
    one.fast += (square - one.fast) / min(one.n + 1.0, FAST_ROWS)
    one.slow += (square - one.slow) / min(one.n + 1.0, SLOW_ROWS)
    one.n += 1.0


@compiled
def _floor(one: Table) -> float:
    return float(max((LEAST * one.level) ** 2, 1e-18))


@compiled
def _square(one: Table, value: float) -> float:
    residual = min(max(value, -LARGEST), LARGEST) - one.level
    square = residual * residual
    return float(min(square, CLIP * one.slow + _floor(one)) if one.n >= WARM_ROWS else square)


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            nats[row, series] = score(table[series], values[row, series])
            learn(table[series], values[row, series])
