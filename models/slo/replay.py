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
from models.slo.burn import Floats, Recorded, WindowSums, allowed_error_ratio, window_sums
from models.slo.definition import Slo
from models.slo.windows import RESOLUTION_S, BurnPair, burn_pairs, window_lengths


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
        for pair in burn_pairs(slo.window.nominal_s)
        for index, state in _changes(pair, sums, slo)
    ]
    return sorted(transitions, key=lambda transition: transition.at_s)


def sums_of_windows(slo: Slo, recorded: Recorded, moments_s: Floats) -> dict[int, WindowSums]:
    """Counts of every window that the SLO's pairs look at, by length in seconds; as `decide.window` reads them."""
    sums = {length: window_sums(recorded, moments_s, length) for length in window_lengths(slo.window.nominal_s)}
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


def _changes(pair: BurnPair, sums: Mapping[int, WindowSums], slo: Slo) -> Iterator[tuple[int, AlertState]]:
    """Moments (by index) at which the alert of a pair begins and ends, alternately."""
    burns = burning(pair, sums, slo.target_ratio)
    enough = sums[pair.long_s].total >= slo.min_events
    edges = np.diff(np.concatenate(([0], burns.astype(np.int8), [0])))
    for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        begins = first + np.flatnonzero(enough[first:after])[:1]
        if len(begins):
            yield int(begins[0]), AlertState.FIRING
            if after < len(burns):
                yield int(after), AlertState.RESOLVED
