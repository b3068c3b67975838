"""In which units a feature is measured: whether its logarithm, from which middle, in which deviations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

COMPRESS_FROM: Final = 1.1
"""A feature is compressed when that makes its tail this many times shorter against its middle."""


class Scale(NamedTuple):
    """One feature's part of a `Whitening`: log_scale is 0 for a feature that is not compressed."""

    log_scale: float
    center: float
    scale: float


def scales_of(x: NDArray[np.float64]) -> list[Scale]:
    """Of each column of rows `(n_rows, F)`, by its finite values; a column without any is measured in itself."""
    columns = np.ascontiguousarray(x.T)
    finite = np.isfinite(columns)
    return [_scale(column[there]) for column, there in zip(columns, finite, strict=True)]


def quantiles(ordered: NDArray[np.float64], at: Sequence[float]) -> list[float]:
    """What `np.quantile` gives, bit for bit, of values that are sorted already, which is most of what it does.

    >>> quantiles(np.array([1.0, 2.0, 4.0]), (0.0, 0.75, 1.0))
    [1.0, 3.0, 4.0]
    """
    found = []
    for share in at:
        place = (len(ordered) - 1) * share
        below = math.floor(place)
        part = place - below
        low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
        found.append(low + (high - low) * part if part < 0.5 else high - (high - low) * (1.0 - part))
    return found


def _scale(values: NDArray[np.float64]) -> Scale:
    if len(values) == 0:
        return Scale(0.0, 0.0, 1.0)
    ordered = np.sort(values)
    log_scale = _median_size(ordered) or float(np.abs(values).mean())
    if log_scale > 0:
        compressed = np.sign(values) * np.log1p(np.abs(values) / log_scale)
        ordered_compressed = np.sort(compressed)
        if _tail_ratio(ordered) > COMPRESS_FROM * _tail_ratio(ordered_compressed):
            return Scale(log_scale, *_center_and_scale(compressed, ordered_compressed))
    return Scale(0.0, *_center_and_scale(values, ordered))


def _median_size(ordered: NDArray[np.float64]) -> float:
    """Median of the absolute values."""
    size = ordered if ordered[0] >= 0.0 else np.sort(np.abs(ordered))
    middle = len(size) // 2
    return float(size[middle] if len(size) % 2 else (size[middle - 1] + size[middle]) / 2.0)


def _tail_ratio(ordered: NDArray[np.float64]) -> float:
    """How far the tails reach, in widths of the middle half; 0 where there is no width to measure with."""
    low, lower, upper, high = quantiles(ordered, (0.005, 0.25, 0.75, 0.995))
    return (high - low) / (upper - lower) if upper > lower else 0.0


def _center_and_scale(values: NDArray[np.float64], ordered: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the larger of a robust and the plain standard deviation.

    The plain one counts where a feature hardly ever moves and has no middle half: in units of a tenth of it each of the
    rare moves was worth more than a fault. A constant feature has nothing to be measured with but its own size.
    """
    lower, center, upper = quantiles(ordered, (0.25, 0.5, 0.75))
    constant = max(abs(center), 1.0)
    scale = max((upper - lower) / 1.349, float(values.std()))
    return center, scale if scale > 1e-12 * constant else constant
