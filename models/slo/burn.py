"""Error ratios, burn rates and budgets from counts per minute. Source: SRE workbook, chapter 5.

A window of `w` seconds at `now` is made of the minutes that overlap `(now - w, now]`: the minute in progress and the
one that the window began in belong to it. A window that is not full yet is judged on what it has, as `rate()` would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.slo.windows import RESOLUTION_S

Floats = NDArray[np.float64]

TIGHTEST_TARGET: Final = 0.999999999
"""Nine nines, 30 ms of a year: `allowed_error_ratio` has three figures left of what this allows."""


def allowed_error_ratio(target_ratio: float) -> float:
    """Share of bad events that a target allows, as a person writes it: 0.001 at 99.9 %, not 0.0010000000000000009.

    >>> allowed_error_ratio(0.999)
    0.001
    """
    return round(1.0 - target_ratio, 12)


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
        return min(max((self.total - self.good) / self.total, 0.0), 1.0)

    def burn_rate(self, target_ratio: float) -> float:
        """How many times faster than allowed the budget goes, in [0, 1 / allowed]; NaN without events."""
        return self.error_ratio / allowed_error_ratio(target_ratio)

    def burns_above(self, factor: float, target_ratio: float) -> bool:
        """Whether the burn rate is above `factor`, as the workbook's rules put it: error ratio > factor * allowed.
        At the factor itself it is not; without events neither."""
        return self.error_ratio > factor * allowed_error_ratio(target_ratio)


class Recorded(NamedTuple):
    """What was counted for one SLO, in order of the minutes; a minute may occur several times.

    Attributes:
        minute_s: int64 `(n,)`, starts of minutes, epoch seconds, ascending.
        good, total: float64 `(n,)`.
        seen_s: float64 `(n,)`, when the sample came that told of it, epoch seconds, at or after the minute's start.
    """

    minute_s: NDArray[np.int64]
    good: Floats
    total: Floats
    seen_s: Floats


class WindowSums(NamedTuple):
    """Counts of one window at several moments, float64 `(n_moments,)` each."""

    good: Floats
    total: Floats

    @property
    def error_ratio(self) -> Floats:
        """`Counts.error_ratio` at every moment."""
        some = self.total > 0
        ratio = np.divide(self.total - self.good, self.total, out=np.full(len(self.total), np.nan), where=some)
        return np.asarray(np.clip(ratio, 0.0, 1.0))

    def at(self, index: int) -> Counts:
        """The counts at one moment."""
        return Counts(float(self.good[index]), float(self.total[index]))


def window_start_s(now_s: float, window_s: float, unit_s: int = RESOLUTION_S) -> int:
    """The first minute, or slice of `unit_s` seconds, that belongs to the window, epoch seconds.

    >>> window_start_s(now_s=605.0, window_s=60.0)
    540
    """
    return int((now_s - window_s) // unit_s) * unit_s


def window_sums(recorded: Recorded, now_s: Floats, window_s: float, unit_s: int = RESOLUTION_S) -> WindowSums:
    """Sums of one SLO's minutes over a window at each of several moments, of what had been seen by then.

    Args:
        now_s: float64 `(n_moments,)`, epoch seconds.
        window_s: length of the window.
        unit_s: length of what is recorded: a minute, or a slice.

    Returns:
        0 where the window holds no minute.
    """
    # a minute is in the window from when it is seen until `window_start_s` has passed it
    leaves_s = np.maximum(recorded.minute_s + (unit_s + window_s), recorded.seen_s)
    by_entry = np.argsort(recorded.seen_s, kind="stable")
    by_exit = np.argsort(leaves_s, kind="stable")
    entered = np.searchsorted(recorded.seen_s[by_entry], now_s, side="right")
    left = np.searchsorted(leaves_s[by_exit], now_s, side="right")
    empty = entered == left  # a difference of running sums may not be quite zero

    def summed(values: Floats) -> Floats:
        came, went = (np.concatenate(([0.0], np.cumsum(values[order]))) for order in (by_entry, by_exit))
        return np.where(empty, 0.0, came[entered] - went[left])

    return WindowSums(summed(recorded.good), summed(recorded.total))
