"""Error ratios, burn rates and budgets from counts per minute. Source: SRE workbook, chapter 5.

A window of `w` seconds at `now` is made of the minutes that overlap `(now - w, now]`: the minute in progress and the
one that the window began in belong to it. A window that is not full yet is judged on what it has, as `rate()` would.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.slo.windows import RESOLUTION_S

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one SLO in one window.

    Attributes:
        good, total: sums over the window's minutes.
    """

    good: float
    total: float

    @property
    def error_ratio(self) -> float:
        """Share of bad events in [0, 1]; NaN where there are none. Counters of good and total events are read at
        different moments, so their difference may stray past the bounds for a minute: it is held to them."""
        if not self.total > 0:
            return float("nan")
        return min(max(1.0 - self.good / self.total, 0.0), 1.0)

    def burn_rate(self, target_ratio: float) -> float:
        """How many times faster than allowed the budget goes, in [0, 1 / (1 - target)]; NaN without events."""
        return self.error_ratio / (1.0 - target_ratio)

    def budget_remaining(self, target_ratio: float) -> float:
        """Share of the error budget that is left if this is the whole period: 1 = untouched, 0 = spent, below =
        overspent, down to 1 - 1 / (1 - target); NaN without events."""
        return 1.0 - self.burn_rate(target_ratio)


def window_start_s(now_s: float, window_s: float) -> int:
    """The first minute that belongs to the window, epoch seconds.

    >>> window_start_s(now_s=605.0, window_s=60.0)
    540
    """
    return int((now_s - window_s) // RESOLUTION_S) * RESOLUTION_S


def window_counts(
    minute_s: NDArray[np.int64], good: Floats, total: Floats, now_s: NDArray[np.float64], window_s: float
) -> tuple[Floats, Floats]:
    """Sums of one SLO's minutes over a window at each of several moments.

    Args:
        minute_s: int64 `(n_minutes,)`, starts of minutes in epoch seconds, ascending; a minute may occur several times.
        good, total: float64 `(n_minutes,)`.
        now_s: float64 `(n_moments,)`, epoch seconds.
        window_s: length of the window.

    Returns:
        good and total, float64 `(n_moments,)`, 0 where the window holds no minute.
    """
    starts = np.floor((now_s - window_s) / RESOLUTION_S) * RESOLUTION_S
    low = np.searchsorted(minute_s, starts, side="left")
    high = np.searchsorted(minute_s, now_s, side="right")
    empty = low == high  # a difference of running sums may not be quite zero

    def summed(values: Floats) -> Floats:
        running = np.concatenate(([0.0], np.cumsum(values)))
        return np.where(empty, 0.0, running[high] - running[low])

    return summed(good), summed(total)
