"""What an SLO would have alerted on: the clock's decisions over recorded counts.

It decides as `decide` does, for all moments at once; a test holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.names import Severity
from models.reasons import AlertState
from models.slo.budget import budgeted
from models.slo.burn import Floats, Recorded, WindowSums, allowed_error_ratio, window_sums
from models.slo.definition import GapPolicy, Slo
from models.slo.exclusions import SloExclusion, held_at
from models.slo.windows import RESOLUTION_S, BurnPair


@dataclass(frozen=True, slots=True)
class BurnTransition:
    """A burn alert that began or ended at `at_s`, epoch seconds."""

    at_s: float
    severity: Severity
    burn_window: str
    state: AlertState


def replay(
    slo: Slo, recorded: Recorded, moments_s: Floats, exclusions: Sequence[SloExclusion] = ()
) -> list[BurnTransition]:
    """Transitions of an SLO evaluated at each of `moments_s` over recorded counts, in time order.

    A recording has no stream that could stop: silence in it is the service's own.

    Args:
        moments_s: float64 `(n_moments,)`, ascending, epoch seconds.
        exceptions: pauses, silences and maintenance of the SLO, each known from its begin on.
    """
    sums = sums_of_windows(slo, recorded, moments_s, exclusions)
    held = held_at(exclusions, moments_s)
    transitions = [
        BurnTransition(float(moments_s[index]), pair.severity, pair.name, state)
        for pair in slo.pairs
        for index, state in changes(pair, sums, slo, moments_s, held)
    ]
    return sorted(transitions, key=lambda transition: transition.at_s)


def sums_of_windows(
    slo: Slo, recorded: Recorded, moments_s: Floats, exclusions: Sequence[SloExclusion] = ()
) -> dict[int, WindowSums]:
    """Counts of every window that the SLO's pairs look at, by length in seconds; as `decide.window` reads them."""
    spent = budgeted(slo, recorded, exclusions, float(moments_s[-1]) if len(moments_s) else 0.0)
    sums = {length: window_sums(spent.units, moments_s, length, slo.unit_s) for length in slo.window_lengths}
    if slo.gaps is not GapPolicy.UNKNOWN:
        sums = {length: spent.filled_sums(window, moments_s, length) for length, window in sums.items()}
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


def changes(
    pair: BurnPair, sums: Mapping[int, WindowSums], slo: Slo, moments_s: Floats, held: NDArray[np.bool_]
) -> Iterator[tuple[int, AlertState]]:
    """Moments (by index) at which the alert of a pair begins and ends, alternately.

    Args:
        held: bool `(n_moments,)`, when an exception lets no alert fire: what fires ends, and may begin again after it.
    """
    burns = burning(pair, sums, slo.target_ratio)
    enough = sums[pair.long_s].total >= slo.min_events
    edges = np.diff(np.concatenate(([0], burns.astype(np.int8), [0])))
    for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        lasts = moments_s[first:after] - moments_s[first] >= pair.after_s
        can_begin = first + np.flatnonzero(enough[first:after] & lasts & ~held[first:after])
        must_end = np.append(first + np.flatnonzero(held[first:after]), after)
        while len(can_begin):
            end = int(must_end[np.searchsorted(must_end, can_begin[0])])
            yield int(can_begin[0]), AlertState.FIRING
            if end < len(burns):
                yield end, AlertState.RESOLVED
            can_begin = can_begin[can_begin > end]
