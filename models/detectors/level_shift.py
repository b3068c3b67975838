"""Level shifts of one series: Page's cumulative sums, both ways. Compiled functions over a row of the channel's table.

A sum grows by what each standardised residual exceeds half of the shift that is looked for, and falls back to 0: how
high it stands is the evidence that the level has moved, however small each step of it. Level and scale are learnt
slowly, and not while a sum stands high.

Source: Page, "Continuous Inspection Schemes", Biometrika 41, 1954; its run lengths: Siegmund, "Sequential Analysis",
1985. Not part of the shipped score: the levels of real metrics wander, and by itself it gains nothing on the
public benchmark (`benchmarks/quality/README.md`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.state.tables import Table

STATE = np.dtype([("n", "f8"), ("level", "f8"), ("scale", "f8"), ("up", "f8"), ("down", "f8")], align=True)
"""Rows learnt; mean and mean absolute deviation, exponential; the two sums, in deviations."""

SHIFT = 1.0
"""Smallest shift that is looked for, deviations."""

LEVEL_ROWS = 300.0
CLIP = 5.0
"""Deviations that one row adds at most: a spike is no shift."""

LARGEST = 1e300
"""Values are cut here, so that no difference overflows."""

WARM_ROWS = 30.0
"""Rows before the scale is known well enough."""

HIGHEST = 60.0
"""Where a sum is cut, so that it comes down within a minute or an hour of rows, not of days."""

HELD = 10.0
"""Height from which level and scale are held."""

HELD_WEIGHT = 0.1
"""Weight of learning while they are: a shift that stays is the new level some time."""


@compiled
def score(one: Table, value: float) -> float:
    """Nats of evidence for a shift, this value included: by Siegmund, a sum of h has a chance of `exp(-SHIFT * h)`."""
    if math.isnan(value) or one.n < WARM_ROWS:
        return 0.0
    z = _residual(one, value)
    return float(SHIFT * max(one.up + z - 0.5 * SHIFT, one.down - z - 0.5 * SHIFT, 0.0))


@compiled
def learn(one: Table, value: float) -> None:
    """Take a value in."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if one.n == 0.0:
        one.level = value
    elif one.n >= WARM_ROWS:
        z = _residual(one, value)
        one.up = min(max(one.up + z - 0.5 * SHIFT, 0.0), HIGHEST)
        one.down = min(max(one.down - z - 0.5 * SHIFT, 0.0), HIGHEST)
    weight = HELD_WEIGHT if max(one.up, one.down) >= HELD else 1.0
    rate = weight / min(one.n + 1.0, LEVEL_ROWS)
    distance = value - one.level
    if one.n >= WARM_ROWS:
        distance = min(max(distance, -CLIP * _unit(one)), CLIP * _unit(one))
    one.level += rate * distance
    one.scale += rate * (abs(distance) - one.scale)
    one.n += 1.0


@compiled
def _unit(one: Table) -> float:
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    return float(max(1.2533 * one.scale, 1e-3 * abs(one.level), 1e-9))


@compiled
def _residual(one: Table, value: float) -> float:
    return float(min(max((value - one.level) / _unit(one), -CLIP), CLIP))


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            nats[row, series] = score(table[series], values[row, series])
            learn(table[series], values[row, series])
