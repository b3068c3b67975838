"""Which series left their normal around a burn, by how much and since when, from samples alone.

A robust score per series, as in BARO (Pham, Ha, Zhang, "BARO: Robust Root Cause Analysis for Microservices via
Multivariate Bayesian Online Change Point Detection", FSE 2024): the deviation from the median before, in units of the
spread before. It needs no detector that is ready, and sees what creeps: a level that moves slowly is followed by every
streaming detector, but not by the hours before the burn.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.records import SampleColumns
from models.series import EntityRule
from models.state.metric_kinds import is_counter
from models.timestamps import SECOND_NS

Floats = NDArray[np.float64]

BUCKETS: Final = 360
"""Parts that the time is cut into: of three hours, half a minute each, so that onsets are told to the minute."""

LEAST_BEFORE: Final = 10
"""Buckets with values before the burn that a spread is computed from at least."""

LEAST_EFFECT: Final = 0.01
"""Share of the level that counts as spread at least, as for the streaming detectors."""

OUT: Final = 3.5
"""Spreads beyond which a bucket is out of the normal (Iglewicz and Hoaglin's modified z-score)."""

MOST: Final = 100.0
"""Spreads that are told apart; a constant that moves has no spread at all."""


class Shift(msgspec.Struct, frozen=True):
    """One series that is out of its normal since the burn began; stored with the alert as JSON.

    Attributes:
        metric: feature name.
        size: median deviation since the burn's begin from the median before, in spreads; above `OUT`, up to `MOST`.
        onset_ns: since when, without a pause until now, nanoseconds since the epoch.
        value: median since the burn's begin. expected, expected_lower, expected_upper: median before, and the bounds
            beyond which a bucket is out. A counter's are per second.
    """

    service: str
    entity: str
    metric: str
    size: float
    onset_ns: int
    value: float
    expected: float
    expected_lower: float
    expected_upper: float


def find_shifts(
    samples: SampleColumns, rule: EntityRule, *, from_ns: int, burn_began_ns: int, now_ns: int
) -> list[Shift]:
    """Series that left their normal and have not come back, in the order of their numbers.

    Args:
        samples: in any order.
        from_ns: where "before" begins; hours before the burn, so that an onset before it is a small part of them.
    """
    width_ns = max((now_ns - from_ns) // BUCKETS, 1)
    grid = _bucketed(samples, from_ns, width_ns, -(-(now_ns - from_ns) // width_ns))
    began = max(int((burn_began_ns - from_ns) // width_ns), 0)
    found = []
    for number, row in enumerate(grid):
        before, since = row[:began], row[began:]
        before, since = before[np.isfinite(before)], since[np.isfinite(since)]
        if len(before) < LEAST_BEFORE or len(since) == 0:
            continue
        level = float(np.median(before))
        spread = _spread(before, level)
        size = abs(float(np.median(since)) - level) / spread
        if size < OUT:
            continue
        identity = rule.identify(samples.series_ids[number])
        first = _onset(row, level, spread)
        found.append(
            Shift(
                identity.service,
                identity.entity,
                identity.feature,
                min(size, MOST),
                from_ns + first * width_ns,
                float(np.median(since)),
                level,
                level - OUT * spread,
                level + OUT * spread,
            )
        )
    return found


def _spread(before: Floats, level: float) -> float:
    """Standard deviation of a normal distribution with the same middle half; never 0."""
    low, high = np.quantile(before, (0.25, 0.75))
    return max((float(high) - float(low)) / 1.349, LEAST_EFFECT * abs(level), 1e-9)


def _onset(row: Floats, level: float, spread: float) -> int:
    """First bucket of the last run that is out; one bucket that is not, or that is missing, does not end it."""
    known = np.flatnonzero(np.isfinite(row))
    out = np.abs(row[known] - level) > OUT * spread
    calm = ~out[:-1] & ~out[1:]
    last = np.flatnonzero(calm)
    first = int(last[-1]) + 2 if len(last) else 0
    return int(known[min(first, len(known) - 1)])


def _bucketed(samples: SampleColumns, from_ns: int, width_ns: int, buckets: int) -> Floats:
    """Means `(n_series, buckets)` of each series in each bucket, counters as rates a second; NaN: nothing there."""
    order = np.lexsort((samples.event_time_ns, samples.series))
    series, time_ns, values = samples.series[order], samples.event_time_ns[order], samples.values[order].copy()
    counter = np.array([is_counter(text.partition("{")[0]) for text in samples.series_ids], bool)
    elapsed_s = np.diff(time_ns, prepend=0) / SECOND_NS
    follows = np.concatenate(([False], series[1:] == series[:-1])) & (elapsed_s > 0)
    increase = np.diff(values, prepend=0.0)
    rates = counter[series] if len(series) else np.zeros(0, bool)
    values[rates] = np.where(follows & (increase >= 0), increase / np.where(follows, elapsed_s, 1.0), np.nan)[rates]
    bucket = (time_ns - from_ns) // width_ns
    kept = np.isfinite(values) & (bucket >= 0) & (bucket < buckets)
    cell = series[kept].astype(np.int64) * buckets + bucket[kept]
    size = len(samples.series_ids) * buckets
    with np.errstate(invalid="ignore"):
        mean = np.bincount(cell, values[kept], size) / np.bincount(cell, minlength=size)
    return np.asarray(mean.reshape(len(samples.series_ids), buckets))
