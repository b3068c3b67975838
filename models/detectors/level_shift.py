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
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.state.fields import F8, Table


class LevelShiftRow(Protocol):
    """Rows learnt; mean and mean absolute deviation, exponential; the two sums, in deviations."""

    n: F8
    level: F8
    scale: F8
    up: F8
    down: F8


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
def score(series: LevelShiftRow, value: float) -> float:
    """Nats of evidence for a shift, this value included: by Siegmund, a sum of h has a chance of `exp(-SHIFT * h)`."""
    if math.isnan(value) or series.n < WARM_ROWS:
        return 0.0
    z = _residual(series, value)
    return float(SHIFT * max(series.up + z - 0.5 * SHIFT, series.down - z - 0.5 * SHIFT, 0.0))


@compiled
def learn(series: LevelShiftRow, value: float) -> None:
    """Take a value in."""
    if math.isnan(value):
        return
    value = min(max(value, -LARGEST), LARGEST)
    if series.n == 0.0:
        series.level = value
    elif series.n >= WARM_ROWS:
        z = _residual(series, value)
        series.up = min(max(series.up + z - 0.5 * SHIFT, 0.0), HIGHEST)
        series.down = min(max(series.down - z - 0.5 * SHIFT, 0.0), HIGHEST)
    weight = HELD_WEIGHT if max(series.up, series.down) >= HELD else 1.0
    rate = weight / min(series.n + 1.0, LEVEL_ROWS)
    distance = value - series.level
    if series.n >= WARM_ROWS:
        distance = min(max(distance, -CLIP * _unit(series)), CLIP * _unit(series))
    series.level += rate * distance
    series.scale += rate * (abs(distance) - series.scale)
    series.n += 1.0


@compiled
def _unit(series: LevelShiftRow) -> float:
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    return float(max(1.2533 * series.scale, 1e-3 * abs(series.level), 1e-9))


@compiled
def _residual(series: LevelShiftRow, value: float) -> float:
    return float(min(max((value - series.level) / _unit(series), -CLIP), CLIP))


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            surprise_nats[tick, column] = score(table[column], values[tick, column])
            learn(table[column], values[tick, column])
