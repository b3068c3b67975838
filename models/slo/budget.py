"""What a budget is made of: events or time slices, and what minutes without telemetry count as."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.slo.burn import Counts, Floats, Recorded, WindowSums, window_start_s, window_sums
from models.slo.definition import GapPolicy, Slices, Slo, TimeWindow
from models.slo.exclusions import ExcludedRange, SloExclusion, excluded_s, excluded_spans, outside
from models.slo.periods import period_bounds
from models.slo.windows import RESOLUTION_S

LATE_S: Final = 120
"""A minute is missed only so long after it has begun: its samples come during it, and take seconds to be counted. The
growth of a counter that comes once a minute is known a minute after it began."""


@dataclass(frozen=True, slots=True)
class Lived:
    """How much of an SLO's period has been counted.

    Attributes:
        counted_s: how long the SLO has been counted, in this period and before.
        lived_s: time of the period in which it was counted, without what is excluded.
        period_s: length of the whole period, without what is excluded.
    """

    counted_s: float
    lived_s: float
    period_s: float

    @property
    def share(self) -> float:
        """Share of the period in [0, 1] that has been counted."""
        return min(self.lived_s / self.period_s, 1.0) if self.period_s > 0 else 1.0

    @property
    def ahead_s(self) -> float:
        """Time of the period that nothing was counted in: it lies ahead, or before the SLO was first counted."""
        return max(self.period_s - self.lived_s, 0.0)


def lived(
    window: TimeWindow,
    first_s: float,
    now_s: float,
    spans: Sequence[ExcludedRange] = (),
    unit_s: int = RESOLUTION_S,
) -> Lived:
    """How much of the period that `now_s` lies in has been counted.

    Args:
        first_s: when the SLO was first counted; infinite where it never was.
        spans: what is excluded from the budget.
        unit_s: length of what is counted, a minute or a slice: the first one counts as a whole.
    """
    if first_s < math.inf:
        first_s = window_start_s(first_s, 0, unit_s)
    start_s, end_s = period_bounds(window, now_s)
    begin_s = min(max(start_s, first_s), now_s)
    return Lived(
        max(now_s - first_s, 0.0),
        now_s - begin_s - excluded_s(spans, begin_s, now_s),
        end_s - start_s - excluded_s(spans, start_s, end_s),
    )


def budget_remaining(counts: Counts, target_ratio: float, lived: Lived) -> float:
    """Share of the whole period's error budget that is left; NaN without events, negative where it is overspent.

    What is not lived yet brings events as the lived part did, and its allowance with them. So two hours of a month can
    spend at most two hours' share of its budget, times how much too fast they burn.

    >>> two_hours = Lived(counted_s=7200.0, lived_s=7200.0, period_s=30 * 86400.0)
    >>> round(budget_remaining(Counts(good=98_833.0, total=100_000.0), 0.999, two_hours), 3)
    0.968
    """
    return 1.0 - counts.burn_rate(target_ratio) * lived.share


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


def expected_units(
    slo: Slo, start_s: float, first_s: float, now_s: float, spans: Sequence[ExcludedRange] = ()
) -> float:
    """How many minutes (or slices) with telemetry there should be in a window.

    Args:
        start_s: begin of the window. first_s: when the SLO was first counted: what was before is no gap.
        now_s: up to when telemetry could have come.
        spans: what is excluded from the budget: no gap either.
    """
    unit_s = max(slo.unit_s, slo.telemetry_interval_s)
    begin_s, end_s = max(start_s, first_s), now_s - LATE_S
    return float(max((end_s - begin_s) // unit_s, 0.0) - excluded_s(spans, begin_s, end_s) // unit_s)


@dataclass(frozen=True, slots=True)
class Budgeted:
    """What a record spends of an SLO's budget.

    Attributes:
        units: minutes, or slices, without what is excluded.
        spans: what is excluded.
        first_s: when the SLO was first counted, excluded or not, epoch seconds; infinite where it never was.
    """

    slo: Slo
    units: Recorded
    spans: Sequence[ExcludedRange]
    first_s: float

    def filled(self, counts: Counts, covered: float, start_s: float, now_s: float) -> Counts:
        """Counts of a window that begins at `start_s` with what its gaps count as, as of `now_s`."""
        if self.first_s == math.inf:
            return counts
        return filled(
            counts, self.slo.gaps, covered, expected_units(self.slo, start_s, self.first_s, now_s, self.spans)
        )

    def filled_sums(self, window: WindowSums, moments_s: Floats, window_s: float) -> WindowSums:
        """The sums of one window with what its gaps count as; `moments_s` float64 `(n_moments,)`."""
        minutes, first = np.unique(self.units.minute_s, return_index=True)
        ones = np.ones(len(minutes))
        telemetry = Recorded(minutes, ones, ones, self.units.seen_s[first])
        covered = window_sums(telemetry, moments_s, window_s, self.slo.unit_s).total
        rows = [
            self.filled(
                window.at(index), float(covered[index]), window_start_s(now_s, window_s, self.slo.unit_s), now_s
            )
            for index, now_s in enumerate(moments_s.tolist())
        ]
        return WindowSums(np.array([row.good for row in rows]), np.array([row.total for row in rows]))


def budgeted(slo: Slo, recorded: Recorded, exclusions: Iterable[SloExclusion] = (), until_s: float = 0.0) -> Budgeted:
    """What a record of minutes spends of an SLO's budget.

    Args:
        exceptions: of the SLO, as people made them. until_s: up to when one counts that nobody has ended yet.
    """
    units = in_slices(recorded, slo.slices) if slo.slices else recorded
    spans = excluded_spans(exclusions, math.floor(until_s) + slo.unit_s, slo.unit_s)
    first_s = float(units.minute_s[0]) if len(units.minute_s) else math.inf
    return Budgeted(slo, outside(units, spans), spans, first_s)
