"""Times in which an SLO does not count or does not alert because somebody said so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.reasons import AlertDecision
from models.slo.burn import Floats, Recorded
from models.slo.windows import RESOLUTION_S
from models.timestamps import SECOND_NS


class ExclusionKind(StrEnum):
    """What an exception does; none of them lets an alert fire while it lasts."""

    PAUSE = "pause"  # what happens does not count, until somebody resumes it
    MAINTENANCE = "maintenance"  # what happens does not count, in a window known beforehand
    SILENCE = "silence"  # what happens counts


EXCLUDED: Final = frozenset({ExclusionKind.PAUSE, ExclusionKind.MAINTENANCE})
"""Kinds whose time is excluded from the budget."""

DECISIONS: Final = {
    ExclusionKind.PAUSE: AlertDecision.HELD_PAUSED,
    ExclusionKind.MAINTENANCE: AlertDecision.HELD_MAINTENANCE,
    ExclusionKind.SILENCE: AlertDecision.HELD_SILENCED,
}


@dataclass(frozen=True, slots=True)
class SloExclusion:
    """One of them; times in nanoseconds since the epoch, `start_ns <= t < end_ns`.

    Attributes:
        end_ns: None until somebody ends it; equal to `start_ns` where it never took place.
    """

    id: int
    slo_name: str
    kind: ExclusionKind
    start_ns: int
    end_ns: int | None
    reason: str
    made_by: str

    def lasts_at(self, now_ns: int) -> bool:
        """Whether it takes place at this moment."""
        return self.start_ns <= now_ns and (self.end_ns is None or now_ns < self.end_ns)


class ExcludedRange(NamedTuple):
    """Minutes that begin in `[from_s, to_s)`, epoch seconds."""

    from_s: int
    to_s: int


def excluded_spans(exclusions: Iterable[SloExclusion], until_s: int, unit_s: int = RESOLUTION_S) -> list[ExcludedRange]:
    """What is excluded from the budget up to a moment: whole units, disjoint, in order.

    A minute (or slice) that is partly excluded is so as a whole, as nobody knows what of it happened when.

    >>> pause = SloExclusion(1, "a", ExclusionKind.PAUSE, 90 * SECOND_NS, None, "", "")
    >>> excluded_spans([pause], 250)
    [ExcludedRange(from_s=60, to_s=300)]
    """
    unit_ns = unit_s * SECOND_NS
    found = []
    for exclusion in exclusions:
        end_ns = until_s * SECOND_NS if exclusion.end_ns is None else min(exclusion.end_ns, until_s * SECOND_NS)
        if exclusion.kind in EXCLUDED and end_ns > exclusion.start_ns:
            found.append(ExcludedRange(exclusion.start_ns // unit_ns * unit_s, -(-end_ns // unit_ns) * unit_s))
    merged: list[ExcludedRange] = []
    for span in sorted(found):
        if merged and span.from_s <= merged[-1].to_s:
            merged[-1] = ExcludedRange(merged[-1].from_s, max(merged[-1].to_s, span.to_s))
        else:
            merged.append(span)
    return merged


def held_by(exclusions: Iterable[SloExclusion], now_ns: int) -> AlertDecision | None:
    """Why no alert of the SLO may fire at a moment; None where it may."""
    lasting = sorted(
        (list(DECISIONS).index(exclusion.kind), exclusion.kind)
        for exclusion in exclusions
        if exclusion.lasts_at(now_ns)
    )
    return DECISIONS[lasting[0][1]] if lasting else None


def held_at(exclusions: Iterable[SloExclusion], moments_s: Floats) -> NDArray[np.bool_]:
    """Whether no alert of the SLO may fire, at each of some moments: bool `(n_moments,)`."""
    held = np.zeros(len(moments_s), np.bool_)
    for exclusion in exclusions:
        held |= (moments_s >= exclusion.start_ns / SECOND_NS) & (
            exclusion.end_ns is None or moments_s < exclusion.end_ns / SECOND_NS
        )
    return held


def outside(units: Recorded, spans: Iterable[ExcludedRange]) -> Recorded:
    """A record of whole minutes (or slices) without those that are excluded."""
    kept = np.ones(len(units.minute_s), np.bool_)
    for span in spans:
        kept &= (units.minute_s < span.from_s) | (units.minute_s >= span.to_s)
    return Recorded(units.minute_s[kept], units.good[kept], units.total[kept], units.seen_s[kept])


class Units(NamedTuple):
    """Minutes or slices of one SLO in order, each array `(n,)`: begin in epoch seconds, good and total."""

    start_s: NDArray[np.int64]
    good: Floats
    total: Floats


NOTHING: Final = 1e-9
"""Share of what was counted below which what is left is rounding: sums of the same minutes in another order."""


def left(counted: float, excluded: float) -> float:
    """What is left of a sum without a part of it.

    >>> left(0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1)
    0.0
    """
    rest = counted - excluded
    return 0.0 if abs(rest) <= NOTHING * abs(counted) else rest


def sums_since(units: Units, starts_s: Sequence[int]) -> NDArray[np.float64]:
    """Good, total and number of units that begin at or after each of some moments, `(n_starts, 3)`."""
    first = np.searchsorted(units.start_s, np.asarray(starts_s), side="left")
    columns = np.column_stack((units.good, units.total, np.ones(len(units.start_s))))
    from_end = np.concatenate((np.cumsum(columns[::-1], axis=0)[::-1], np.zeros((1, 3))))
    return np.asarray(from_end[first])


def excluded_s(spans: Iterable[ExcludedRange], start_s: float, end_s: float) -> float:
    """Seconds of `[start_s, end_s)` that are excluded.

    >>> excluded_s([ExcludedRange(0, 100), ExcludedRange(200, 300)], 50, 250)
    100
    """
    return sum(max(min(span.to_s, end_s) - max(span.from_s, start_s), 0) for span in spans)
