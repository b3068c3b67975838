"""When a burn began: the change point of the bad events. Source: E. S. Page, "Continuous Inspection Schemes" (1954)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.slo.burn import Floats


def burn_onset(
    minute_s: NDArray[np.int64], good: Floats, total: Floats, target_ratio: float, burn_rate: float
) -> int | None:
    """Start of the minute from which more than `burn_rate` times the allowed events are bad, epoch seconds.

    The sum of the excess over that rate falls while fewer are bad and rises while more are: the burn that goes on began
    after its lowest point. None where the newest minute is that point, so nothing burns at this rate.

    Args:
        minute_s: int64 `(n_minutes,)`, starts of minutes in epoch seconds, ascending.
        good, total: float64 `(n_minutes,)`.

    >>> calm, burning = [100.0] * 5, [60.0] * 3
    >>> burn_onset(np.arange(8) * 60, np.array(calm + burning), np.full(8, 100.0), 0.99, 14.4)
    300
    """
    if len(minute_s) == 0:
        return None
    excess = np.concatenate(([0.0], np.cumsum((total - good) - burn_rate * (1.0 - target_ratio) * total)))
    # the last of equally low points: minutes without events belong to the calm before
    lowest = len(excess) - 1 - int(np.argmin(excess[::-1]))
    return int(minute_s[lowest]) if lowest < len(minute_s) else None
