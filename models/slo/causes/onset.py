"""When a burn began and ended: change points of the bad events.

Source: E. S. Page, "Continuous Inspection Schemes" (1954).
"""

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
    excess = _excess(good, total, target_ratio, burn_rate)
    # the last of equally low points: minutes without events belong to the calm before
    lowest = len(excess) - 1 - int(np.argmin(excess[::-1]))
    return int(minute_s[lowest]) if lowest < len(minute_s) else None


def burn_end(
    minute_s: NDArray[np.int64], good: Floats, total: Floats, target_ratio: float, burn_rate: float
) -> int | None:
    """Start of the minute from which no more than `burn_rate` times the allowed events are bad, after the sum's highest
    point; None where nothing burnt, or it goes on in the newest minute. See `burn_onset`.

    >>> burning, calm = [60.0] * 3, [100.0] * 5
    >>> burn_end(np.arange(8) * 60, np.array(burning + calm), np.full(8, 100.0), 0.99, 14.4)
    180
    """
    highest = int(np.argmax(_excess(good, total, target_ratio, burn_rate)))
    return int(minute_s[highest]) if 0 < highest < len(minute_s) else None


def _excess(good: Floats, total: Floats, target_ratio: float, burn_rate: float) -> Floats:
    """Bad events above the rate before each minute and after the last, `(n_minutes + 1,)`."""
    return np.concatenate(([0.0], np.cumsum((total - good) - burn_rate * (1.0 - target_ratio) * total)))
