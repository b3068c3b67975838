"""Changes of variance of one series: a fast against a slow exponential variance. Compiled functions over one row of the
channel's table.

What is left of a value when the fast level is taken off, squared and cut, goes into two means; the logarithm of their
ratio is nearly normal with a variance of two over the rows that the fast one remembers. Either way counts: a sensor
that has frozen is as anomalous as one that jitters.

Source: Crowder and Hamilton, "An EWMA for Monitoring a Process Standard Deviation", Journal of Quality Technology 24,
1992. Not part of the shipped score: the noise of real metrics follows their load, and by itself it gains nothing on the
public benchmark (`benchmarks/quality/README.md`).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.state.fields import F8, Table


class VarianceChangeRow(Protocol):
    """Rows learnt, fast level, fast and slow mean of squared residuals."""

    n: F8
    level: F8
    fast: F8
    slow: F8


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
def score(series: VarianceChangeRow, value: float) -> float:
    """Nats of surprise about the fast variance, this value included, against the slow one."""
    if math.isnan(value) or series.n < WARM_ROWS:
        return 0.0
    floor = _floor(series)
    fast = series.fast + (_square(series, value) - series.fast) / FAST_ROWS
    z = abs(math.log((fast + floor) / (series.slow + floor))) * math.sqrt(FREEDOM / 2.0)
    # Mills' ratio keeps the two-sided normal tail from underflowing
    return float(0.5 * z * z + math.log1p(z) - math.log(2.0)) if z > 1.0 else float(0.5 * z * z)


@compiled
def learn(series: VarianceChangeRow, value: float) -> None:
    """Take a value in."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if series.n == 0.0:
        series.level = value
    square = _square(series, value)
    series.level += (value - series.level) / min(series.n + 1.0, LEVEL_ROWS)
    series.fast += (square - series.fast) / min(series.n + 1.0, FAST_ROWS)
    series.slow += (square - series.slow) / min(series.n + 1.0, SLOW_ROWS)
    series.n += 1.0


@compiled
def _floor(series: VarianceChangeRow) -> float:
    return float(max((LEAST * series.level) ** 2, 1e-18))


@compiled
def _square(series: VarianceChangeRow, value: float) -> float:
    residual = min(max(value, -LARGEST), LARGEST) - series.level
    square = residual * residual
    return float(min(square, CLIP * series.slow + _floor(series)) if series.n >= WARM_ROWS else square)


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            surprise_nats[tick, column] = score(table[column], values[tick, column])
            learn(table[column], values[tick, column])
