"""What a budget is made of: events or time slices, and what minutes without telemetry count as."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.slo.burn import Counts, Floats, Recorded, WindowSums, window_start_s, window_sums
from models.slo.definition import GapPolicy, Slices, Slo

LATE_S: Final = 120
"""A minute is missed only so long after it has begun: its samples come during it, and take seconds to be counted. The
growth of a counter that comes once a minute is known a minute after it began."""


def in_slices(recorded: Recorded, slices: Slices) -> Recorded:
    """Slices of a record of minutes: `minute_s` is the slice's start, `good` 0 to 1, `total` 1.

    A slice is seen when it is over. One in which nothing was asked for is good: nobody was let down.
    """
    starts, inverse = np.unique(recorded.minute_s // slices.length_s * slices.length_s, return_inverse=True)
    good, total = (np.bincount(inverse, column, len(starts)) for column in (recorded.good, recorded.total))
    seen_s = np.asarray(starts + slices.length_s, np.float64)
    np.maximum.at(seen_s, inverse, recorded.seen_s)
    asked = total > 0
    share = np.divide(good, total, out=np.ones(len(starts)), where=asked)
    if slices.target_ratio is None:
        value = np.clip(share, 0.0, 1.0)
    else:
        value = np.where(asked, good >= slices.target_ratio * total, True).astype(float)
    return Recorded(starts, value, np.ones(len(starts)), seen_s)


def filled(counts: Counts, policy: GapPolicy, covered: float, expected: float) -> Counts:
    """Counts of a window with what its missing minutes count as.

    A missing minute has as many events as one with telemetry has on average, or one where the window has none.

    Args:
        covered: minutes (or slices) with telemetry. expected: how many of them there should be.
    """
    missing = expected - covered
    if policy is GapPolicy.UNKNOWN or missing <= 0:
        return counts
    events = missing * (counts.total / covered if covered > 0 and counts.total > 0 else 1.0)
    return Counts(counts.good + (events if policy is GapPolicy.GOOD else 0.0), counts.total + events)


def expected_units(slo: Slo, start_s: float, first_s: float, now_s: float) -> float:
    """How many minutes (or slices) with telemetry there should be in a window.

    Args:
        start_s: begin of the window. first_s: when the SLO was first counted: what was before is no gap.
        now_s: up to when telemetry could have come.
    """
    unit_s = max(slo.unit_s, slo.telemetry_interval_s)
    return float(max((now_s - LATE_S - max(start_s, first_s)) // unit_s, 0.0))


class Gaps:
    """`filled` for a whole record."""

    def __init__(self, slo: Slo, units: Recorded) -> None:
        self._slo = slo
        minutes, first = np.unique(units.minute_s, return_index=True)
        ones = np.ones(len(minutes))
        self._covered = Recorded(minutes, ones, ones, units.seen_s[first])

    def filled(self, window: WindowSums, moments_s: Floats, window_s: float) -> WindowSums:
        """The sums of one window with what its gaps count as; `moments_s` float64 `(n_moments,)`."""
        if not len(self._covered.minute_s):
            return window
        covered = window_sums(self._covered, moments_s, window_s, self._slo.unit_s).total
        first_s = float(self._covered.minute_s[0])
        rows = [
            filled(
                window.at(index),
                self._slo.gaps,
                float(covered[index]),
                expected_units(self._slo, window_start_s(now_s, window_s, self._slo.unit_s), first_s, now_s),
            )
            for index, now_s in enumerate(moments_s.tolist())
        ]
        return WindowSums(np.array([row.good for row in rows]), np.array([row.total for row in rows]))
