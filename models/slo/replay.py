"""What an SLO would have alerted on: the clock's decisions over recorded counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.names import Severity
from models.reasons import AlertDecision, AlertState
from models.slo.burn import Counts, Floats, window_counts
from models.slo.decide import judge
from models.slo.definition import Slo
from models.slo.windows import window_lengths


@dataclass(frozen=True, slots=True)
class BurnTransition:
    """A burn alert that began or ended at `at_s`, epoch seconds."""

    at_s: float
    severity: Severity
    burn_window: str
    state: AlertState


def replay(
    slo: Slo, minute_s: NDArray[np.int64], good: Floats, total: Floats, moments_s: NDArray[np.float64]
) -> list[BurnTransition]:
    """Transitions of an SLO evaluated at each of `moments_s` over recorded counts, in time order.

    Args:
        minute_s: int64 `(n_minutes,)`, starts of minutes in epoch seconds, ascending; a minute may occur several times.
        good, total: float64 `(n_minutes,)`.
        moments_s: float64 `(n_moments,)`, ascending, epoch seconds.
    """
    sums = {
        length: window_counts(minute_s, good, total, moments_s, length)
        for length in window_lengths(slo.window.nominal_s)
    }
    firing: set[tuple[Severity, str]] = set()
    transitions = []
    for index, now_s in enumerate(moments_s.tolist()):
        windows = {length: Counts(float(g[index]), float(t[index])) for length, (g, t) in sums.items()}
        # a recording has no stream that could stop: silence in it is the service's own
        for verdict in judge(slo, windows, firing=firing, now_s=now_s, newest_minute_s=now_s):
            pair = verdict.reading.pair
            if verdict.decision is AlertDecision.FIRED:
                firing.add((pair.severity, pair.name))
                transitions.append(BurnTransition(now_s, pair.severity, pair.name, AlertState.FIRING))
            elif verdict.decision is AlertDecision.RESOLVED:
                firing.discard((pair.severity, pair.name))
                transitions.append(BurnTransition(now_s, pair.severity, pair.name, AlertState.RESOLVED))
    return transitions
