"""How far a value is from everything a series has been: the channel that tells an onset. Compiled functions over one
row of the series table.

Distance to the nearest value ever seen, over the range seen, of two things: the value itself, and what is left of it
when the mean of its hour of the day is taken away. Each is held against all that was seen, and against what had been
seen a while ago, so that an incident is half new as long as it is young, and a ramp does not hide behind its own last
step. One step beyond what has been seen is not new, if the series moves in steps: a queue that has held two may hold
three. What was seen is a grid of `BINS` bins that doubles its step when the range outgrows it, so a series costs the
same however long it lives.

Nearest neighbour distance as a measure of novelty: Hautamaki, Karkkainen, Franti, "Outlier Detection Using k-Nearest
Neighbour Graph", ICPR 2004; against all of the past instead of a window, and over its range, by our own measurement.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import hour_of_day as daily
from models.state.tables import BINS, SUSTAINED, Table

VALUE, RESIDUAL = 0, 1
"""The channels: the value, and its residual to the mean of its hour of the day."""

FIRST_ROWS = 10
"""Rows before anything can be new: of three values, the fourth mostly is."""

GENERATION = 30
"""Rows until what was new has been seen a while ago: two of these. At 15 and 60 the benchmark differs by less than one
point."""

RECENT, SETTLED = 1, 3
"""Ages of a bin in generations: seen in this one, seen before the last one. 0 is never."""

RESOLUTION = 0.003
"""Share of the range that is no distance at all: a bin is between 1/256 and 1/128 of it."""

FARTHEST = 10.0
"""Distance, in ranges, beyond which farther is not stranger."""

OUTREACH = 1.0
"""How many times its range one value may add to what has been seen: what was seen once, far outside, is still half new
the second time, and one absurd value does not make a series blind."""

LEAST_EFFECT = 0.01
"""Share of its level that a series' range has at least: a change below that is no distance to speak of."""

LARGEST = 1e300
"""Values are cut here, so that no difference overflows."""


@compiled
def novelty(one: Table, value: float, tick_ns: int) -> float:
    """How new a value is before it is learnt: 0 where it has been seen, about 11 where it is a range away."""
    if one.seen_rows < FIRST_ROWS:
        return 0.0
    x = min(max(value, -LARGEST), LARGEST)
    total = 0.0
    for channel in range(2):
        y = x if channel == VALUE else x - daily.usual(one, x, tick_ns)
        total += _distance_nats(one, channel, y, RECENT)
        total += _distance_nats(one, channel, y, SETTLED)
    return 0.5 * total


@compiled
def learn_seen(one: Table, value: float, tick_ns: int) -> None:
    """Add a value to what has been seen; `daily.learn` is for afterwards, which moves what is usual."""
    x = min(max(value, -LARGEST), LARGEST)
    _learn_channel(one, VALUE, x)
    _learn_channel(one, RESIDUAL, x - daily.usual(one, x, tick_ns))
    step = abs(x - one.newest)
    if one.seen_rows > 0 and step > 0.0 and (one.granule == 0.0 or step < one.granule):
        one.granule = step
    one.newest = x
    one.seen_rows += 1
    if one.seen_rows < GENERATION or one.seen_rows % GENERATION == 0:
        _age(one)


@compiled
def learn_swing(one: Table, value: float) -> None:
    """Take in a single value of a series that is judged by the median of the newest few, once it is none of them.

    While the medians never moved, single values are all that tells how far the series goes. Those of a change that
    lasts do not count: before the first of them gets here, the medians have moved.
    """
    if one.seen_rows >= SUSTAINED and one.seen_low[VALUE] == one.seen_high[VALUE]:
        x = min(max(value, -LARGEST), LARGEST)
        one.swing = max(one.swing, abs(x - one.seen_low[VALUE]))


@compiled
def _distance_nats(one: Table, channel: int, x: float, age: int) -> float:
    """Logarithm of the distance from x to the nearest bin at least this old, in ranges and above the resolution."""
    low, high = one.seen_low[channel], one.seen_high[channel]
    if age == SETTLED:
        low, high = one.settled_low[channel], one.settled_high[channel]
    distance = max(x - high, low - x)
    width = high - low
    if distance <= 0.0:
        distance = min(_gap(one, channel, x, age), x - low, high - x)
    distance -= one.granule
    if distance <= 0.0:
        return 0.0
    least = max(LEAST_EFFECT * max(abs(low), abs(high)), 1e-9)
    farthest = FARTHEST
    if width == 0.0:
        # what never moved has no range: any change is one, or as many as it is times what single values have done
        farthest = 1.0 if one.swing == 0.0 else max(1.0, min(distance / one.swing, FARTHEST))
    share = min(distance / max(width, least), farthest)
    return math.log1p(share / RESOLUTION)


@compiled
def _gap(one: Table, channel: int, x: float, age: int) -> float:
    """Distance from x, which lies inside of the range, to the nearest bin that is at least this old."""
    step = one.bin_step[channel]
    if step <= 0.0:
        return 0.0
    seen = one.seen[channel]
    here = _bin(one, channel, x)
    if seen[here] >= age:
        return 0.0
    for k in range(1, BINS):
        if (here >= k and seen[here - k] >= age) or (here + k < BINS and seen[here + k] >= age):
            return float((k - 0.5) * step)
    return 0.0


@compiled
def _bin(one: Table, channel: int, x: float) -> int:
    return int(min(max((x - one.bin_low[channel]) / one.bin_step[channel], 0.0), BINS - 1.0))


@compiled
def _learn_channel(one: Table, channel: int, x: float) -> None:
    if one.seen_rows == 0:
        one.seen_low[channel] = one.seen_high[channel] = x
        return
    low, high = one.seen_low[channel], one.seen_high[channel]
    width = high - low
    if width > 0.0:
        x = min(max(x, low - OUTREACH * width), high + OUTREACH * width)
    if x < low or x > high:
        _reach(one, channel, min(low, x), max(high, x))
    if one.bin_step[channel] > 0.0:
        here = _bin(one, channel, x)
        if one.seen[channel, here] == 0:
            one.seen[channel, here] = RECENT


@compiled
def _reach(one: Table, channel: int, low: float, high: float) -> None:
    """Widen the range, and the grid by doublings until it holds it."""
    if one.bin_step[channel] <= 0.0:
        step = (high - low) / (BINS // 2)
        if step <= 0.0:
            return
        before = one.seen_low[channel]
        one.bin_step[channel], one.bin_low[channel] = step, low - 0.5 * (high - low)
        one.seen[channel, _bin(one, channel, before)] = SETTLED
    while low < one.bin_low[channel] or high >= one.bin_low[channel] + BINS * one.bin_step[channel]:
        _double(one, channel, high >= one.bin_low[channel] + BINS * one.bin_step[channel])
    one.seen_low[channel], one.seen_high[channel] = low, high


@compiled
def _double(one: Table, channel: int, upwards: bool) -> None:
    """Merge neighbouring bins, the older age stays, and free one half of the grid."""
    seen = one.seen[channel]
    half = BINS // 2
    for k in range(half):
        source = k if upwards else half - 1 - k
        target = source if upwards else half + source
        seen[target] = max(seen[2 * source], seen[2 * source + 1])
    for k in range(half):
        seen[half + k if upwards else k] = 0
    if not upwards:
        one.bin_low[channel] -= BINS * one.bin_step[channel]
    one.bin_step[channel] *= 2.0


@compiled
def _age(one: Table) -> None:
    """A generation is over. The first rows are settled at once: nothing has been seen a while ago yet."""
    young = one.seen_rows < GENERATION
    for channel in range(2):
        for k in range(BINS):
            age = one.seen[channel, k]
            if RECENT <= age < SETTLED:
                one.seen[channel, k] = SETTLED if young else age + 1
        low, high = one.seen_low[channel], one.seen_high[channel]
        if not young:
            low, high = one.recent_low[channel], one.recent_high[channel]
        one.settled_low[channel], one.settled_high[channel] = low, high
        one.recent_low[channel], one.recent_high[channel] = one.seen_low[channel], one.seen_high[channel]


@compiled
def run(table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: NDArray[np.float64]) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `nats` of the same shape; see `channels.Channel`."""
    for row in range(values.shape[0]):
        for series in range(values.shape[1]):
            one, value = table[series], values[row, series]
            if not math.isnan(value):
                nats[row, series] = novelty(one, value, tick_ns[row])
                learn_seen(one, value, tick_ns[row])
                daily.learn(one, value, tick_ns[row])
