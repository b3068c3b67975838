"""What an SLO would have alerted on: the clock's decisions over recorded counts.

It decides as `decide` does, for all moments at once; a test holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.names import Severity
from models.reasons import AlertState
from models.slo.budgeting import Gaps, in_slices
from models.slo.burn import Floats, Recorded, WindowSums, allowed_error_ratio, window_sums
from models.slo.definition import GapPolicy, Slo
from models.slo.windows import RESOLUTION_S, BurnPair


@dataclass(frozen=True, slots=True)
class BurnTransition:
    """A burn alert that began or ended at `at_s`, epoch seconds."""

    at_s: float
    severity: Severity
    burn_window: str
    state: AlertState


def replay(slo: Slo, recorded: Recorded, moments_s: Floats) -> list[BurnTransition]:
    """Transitions of an SLO evaluated at each of `moments_s` over recorded counts, in time order.

    A recording has no stream that could stop: silence in it is the service's own.

    Args:
        moments_s: float64 `(n_moments,)`, ascending, epoch seconds.
    """
    sums = sums_of_windows(slo, recorded, moments_s)
    transitions = [
        BurnTransition(float(moments_s[index]), pair.severity, pair.name, state)
        for pair in slo.pairs
        for index, state in _changes(pair, sums, slo, moments_s)
    ]
    return sorted(transitions, key=lambda transition: transition.at_s)


def sums_of_windows(slo: Slo, recorded: Recorded, moments_s: Floats) -> dict[int, WindowSums]:
    """Counts of every window that the SLO's pairs look at, by length in seconds; as `decide.window` reads them."""
    units = in_slices(recorded, slo.slices) if slo.slices else recorded
    sums = {length: window_sums(units, moments_s, length, slo.unit_s) for length in slo.window_lengths}
    if slo.gaps is not GapPolicy.UNKNOWN:
        gaps = Gaps(slo, units)
        sums = {length: gaps.filled(window, moments_s, length) for length, window in sums.items()}
    if RESOLUTION_S in sums:
        shortest, wider = sums[RESOLUTION_S], sums[2 * RESOLUTION_S]
        empty = shortest.total <= 0
        sums[RESOLUTION_S] = WindowSums(*(np.where(empty, w, s) for w, s in zip(wider, shortest, strict=True)))
    return sums


def burning(pair: BurnPair, sums: Mapping[int, WindowSums], target_ratio: float) -> NDArray[np.bool_]:
    """Whether both windows of a pair are above its factor, at every moment; see `BurnReading.burning`."""
    limit = pair.factor * allowed_error_ratio(target_ratio)
    long, short = sums[pair.long_s].error_ratio, sums[pair.short_s].error_ratio
    return (long > limit) & (short > limit)


def _changes(
    pair: BurnPair, sums: Mapping[int, WindowSums], slo: Slo, moments_s: Floats
) -> Iterator[tuple[int, AlertState]]:
    """Moments (by index) at which the alert of a pair begins and ends, alternately."""
    burns = burning(pair, sums, slo.target_ratio)
    enough = sums[pair.long_s].total >= slo.min_events
    edges = np.diff(np.concatenate(([0], burns.astype(np.int8), [0])))
    for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        lasts = moments_s[first:after] - moments_s[first] >= pair.after_s
        begins = first + np.flatnonzero(enough[first:after] & lasts)[:1]
        if len(begins):
            yield int(begins[0]), AlertState.FIRING
            if after < len(burns):
                yield int(after), AlertState.RESOLVED
