"""How far a value is from everything a series has been: the channel that finds an onset. Compiled functions over one
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
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import hour_of_day
from models.state.fields import F8, I8, Field, Floats, Table

BINS = 256
"""Bins of the grid of values that a series has had; with 128 the public benchmark loses two points."""

SUSTAINED = 3
"""Most rows that surprise has to last before it counts; see `models.scoring.evidence.SUSTAINED_S`."""

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


class NoveltyRow(Protocol):
    """What a series has been, as a value and as a residual to its hour of the day.

    Attributes:
        novelty_n: rows learnt. novelty_newest: the last value of them. novelty_least_step: smallest step between two
            rows, 0 before the first. novelty_swing: how far single values went while the medians never moved.
        novelty_bin_age: generations since a bin of the grid was first seen, `RECENT` to `SETTLED`, 0 never.
        novelty_bin_low, novelty_bin_step: where the grid begins, and the width of a bin (0: no range yet).
        novelty_low, novelty_high: range seen; _recent_: when this generation began; _settled_: one before.
    """

    novelty_n: I8
    novelty_newest: F8
    novelty_least_step: F8
    novelty_swing: F8
    novelty_bin_age: Annotated[NDArray[np.uint8], Field("u1", (2, BINS))]
    novelty_bin_low: Annotated[Floats, Field("f8", (2,))]
    novelty_bin_step: Annotated[Floats, Field("f8", (2,))]
    novelty_low: Annotated[Floats, Field("f8", (2,))]
    novelty_high: Annotated[Floats, Field("f8", (2,))]
    novelty_recent_low: Annotated[Floats, Field("f8", (2,))]
    novelty_recent_high: Annotated[Floats, Field("f8", (2,))]
    novelty_settled_low: Annotated[Floats, Field("f8", (2,))]
    novelty_settled_high: Annotated[Floats, Field("f8", (2,))]


class NoveltySeries(NoveltyRow, hour_of_day.HourOfDayRow, Protocol):
    """And what is usual at an hour of the day."""


@compiled
def onset_score(series: NoveltySeries, value: float, tick_ns: int) -> float:
    """How new a value is before it is learnt: 0 where it has been seen, about 11 where it is a range away."""
    if series.novelty_n < FIRST_ROWS:
        return 0.0
    x = min(max(value, -LARGEST), LARGEST)
    total = 0.0
    for channel in range(2):
        y = x if channel == VALUE else x - hour_of_day.usual(series, x, tick_ns)
        total += _distance_nats(series, channel, y, RECENT)
        total += _distance_nats(series, channel, y, SETTLED)
    return 0.5 * total


@compiled
def learn_seen(series: NoveltySeries, value: float, tick_ns: int) -> None:
    """Add a value to what has been seen; `hour_of_day.learn` is for afterwards, which moves what is usual."""
    x = min(max(value, -LARGEST), LARGEST)
    _learn_channel(series, VALUE, x)
    _learn_channel(series, RESIDUAL, x - hour_of_day.usual(series, x, tick_ns))
    step = abs(x - series.novelty_newest)
    if series.novelty_n > 0 and step > 0.0 and (series.novelty_least_step == 0.0 or step < series.novelty_least_step):
        series.novelty_least_step = step
    series.novelty_newest = x
    series.novelty_n += 1
    if series.novelty_n < GENERATION or series.novelty_n % GENERATION == 0:
        _age(series)


@compiled
def learn_swing(series: NoveltySeries, value: float) -> None:
    """Take in a single value of a series that is judged by the median of the newest few, once it is none of them.

    While the medians never moved, single values are all that tells how far the series goes. Those of a change that
    lasts do not count: before the first of them gets here, the medians have moved.
    """
    if series.novelty_n >= SUSTAINED and series.novelty_low[VALUE] == series.novelty_high[VALUE]:
        x = min(max(value, -LARGEST), LARGEST)
        series.novelty_swing = max(series.novelty_swing, abs(x - series.novelty_low[VALUE]))


@compiled
def _distance_nats(series: NoveltySeries, channel: int, x: float, age: int) -> float:
    """Logarithm of the distance from x to the nearest bin at least this old, in ranges and above the resolution."""
    low, high = _range(series, channel, age)
    width = high - low
    distance = _distance(series, channel, x, age) - series.novelty_least_step
    if distance <= 0.0:
        return 0.0
    least = max(LEAST_EFFECT * max(abs(low), abs(high)), 1e-9)
    farthest = FARTHEST
    if width == 0.0:
        # what never moved has no range: any change is one, or as many as it is times what single values have done
        farthest = 1.0 if series.novelty_swing == 0.0 else max(1.0, min(distance / series.novelty_swing, FARTHEST))
    share = min(distance / max(width, least), farthest)
    return math.log1p(share / RESOLUTION)


@compiled
def _range(series: NoveltySeries, channel: int, age: int) -> tuple[float, float]:
    """What has been seen, of this age at least."""
    if age == SETTLED:
        return float(series.novelty_settled_low[channel]), float(series.novelty_settled_high[channel])
    return float(series.novelty_low[channel]), float(series.novelty_high[channel])


@compiled
def _distance(series: NoveltySeries, channel: int, x: float, age: int) -> float:
    """From x to the nearest value that has been seen, of this age at least."""
    low, high = _range(series, channel, age)
    distance = max(x - high, low - x)
    return float(distance if distance > 0.0 else min(_gap(series, channel, x, age), x - low, high - x))


@compiled
def farthest_from_seen(series: NoveltySeries, value: float, tick_ns: int) -> float:
    """How far a value, or its residual to its hour, is from the nearest that was seen a while ago."""
    x = min(max(value, -LARGEST), LARGEST)
    by_value = _distance(series, VALUE, x, SETTLED)
    return max(by_value, _distance(series, RESIDUAL, x - hour_of_day.usual(series, x, tick_ns), SETTLED), 0.0)


@compiled
def _gap(series: NoveltySeries, channel: int, x: float, age: int) -> float:
    """Distance from x, which lies inside of the range, to the nearest bin that is at least this old."""
    step = series.novelty_bin_step[channel]
    if step <= 0.0:
        return 0.0
    seen = series.novelty_bin_age[channel]
    here = _bin(series, channel, x)
    if seen[here] >= age:
        return 0.0
    for k in range(1, BINS):
        if (here >= k and seen[here - k] >= age) or (here + k < BINS and seen[here + k] >= age):
            return float((k - 0.5) * step)
    return 0.0


@compiled
def _bin(series: NoveltySeries, channel: int, x: float) -> int:
    return int(min(max((x - series.novelty_bin_low[channel]) / series.novelty_bin_step[channel], 0.0), BINS - 1.0))


@compiled
def _learn_channel(series: NoveltySeries, channel: int, x: float) -> None:
    if series.novelty_n == 0:
        series.novelty_low[channel] = series.novelty_high[channel] = x
        return
    low, high = series.novelty_low[channel], series.novelty_high[channel]
    width = high - low
    if width > 0.0:
        x = min(max(x, low - OUTREACH * width), high + OUTREACH * width)
    if x < low or x > high:
        _widen(series, channel, min(low, x), max(high, x))
    if series.novelty_bin_step[channel] > 0.0:
        here = _bin(series, channel, x)
        if series.novelty_bin_age[channel, here] == 0:
            series.novelty_bin_age[channel, here] = RECENT


@compiled
def _widen(series: NoveltySeries, channel: int, low: float, high: float) -> None:
    """Widen the range, and the grid by doublings until it holds it."""
    if series.novelty_bin_step[channel] <= 0.0:
        step = (high - low) / (BINS // 2)
        if step <= 0.0:
            return
        before = series.novelty_low[channel]
        series.novelty_bin_step[channel], series.novelty_bin_low[channel] = step, low - 0.5 * (high - low)
        series.novelty_bin_age[channel, _bin(series, channel, before)] = SETTLED
    while (
        low < series.novelty_bin_low[channel]
        or high >= series.novelty_bin_low[channel] + BINS * series.novelty_bin_step[channel]
    ):
        _double(series, channel, high >= series.novelty_bin_low[channel] + BINS * series.novelty_bin_step[channel])
    series.novelty_low[channel], series.novelty_high[channel] = low, high


@compiled
def _double(series: NoveltySeries, channel: int, upwards: bool) -> None:
    """Merge neighbouring bins, the older age stays, and free one half of the grid."""
    seen = series.novelty_bin_age[channel]
    half = BINS // 2
    for k in range(half):
        source = k if upwards else half - 1 - k
        target = source if upwards else half + source
        seen[target] = max(seen[2 * source], seen[2 * source + 1])
    for k in range(half):
        seen[half + k if upwards else k] = 0
    if not upwards:
        series.novelty_bin_low[channel] -= BINS * series.novelty_bin_step[channel]
    series.novelty_bin_step[channel] *= 2.0


@compiled
def _age(series: NoveltySeries) -> None:
    """A generation is over. The first rows are settled at once: nothing has been seen a while ago yet."""
    young = series.novelty_n < GENERATION
    for channel in range(2):
        for k in range(BINS):
            age = series.novelty_bin_age[channel, k]
            if RECENT <= age < SETTLED:
                series.novelty_bin_age[channel, k] = SETTLED if young else age + 1
        low, high = series.novelty_low[channel], series.novelty_high[channel]
        if not young:
            low, high = series.novelty_recent_low[channel], series.novelty_recent_high[channel]
        series.novelty_settled_low[channel], series.novelty_settled_high[channel] = low, high
        series.novelty_recent_low[channel], series.novelty_recent_high[channel] = (
            series.novelty_low[channel],
            series.novelty_high[channel],
        )


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            series: NoveltySeries = table[column]
            value = values[tick, column]
            if not math.isnan(value):
                surprise_nats[tick, column] = onset_score(series, value, tick_ns[tick])
                learn_seen(series, value, tick_ns[tick])
                hour_of_day.learn(series, value, tick_ns[tick])
