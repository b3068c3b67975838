"""Since when a model no longer fits: River's ADWIN (Bifet and Gavaldà, 2007) over its surprise.

It says to people when the world changed, which a mean over the history does not. Trainings are rare and their process
has scikit-learn loaded anyway; in the stream, where there is a window for every series, `models/drift/adwin.py`
does the same over arrays without River's objects and imports.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def misfit_since_ns(nats: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> int | None:
    """Event time of the first row of the stretch that lasts to the end and surprises more than what came before.

    Args:
        nats: surprise `(n_rows,)`, in the order of time; one row says as much as its nats, so cut what has no bound.
        tick_ns: int64 `(n_rows,)`.

    Returns:
        None where nothing has changed, or for the better.

    >>> rows = np.arange(600)
    >>> misfit_since_ns(np.where(rows < 400, 1.0, 4.0), rows) in range(384, 417)
    True
    >>> misfit_since_ns(np.where(rows < 400, 4.0, 1.0), rows) is None
    True
    """
    from river.drift import ADWIN  # two seconds and 170 MB with all that it imports: never in the stream's processes

    window = ADWIN()
    for value in nats.tolist():
        window.update(value)
    begin = len(nats) - int(window.width)
    if begin == 0 or window.estimation <= nats[:begin].mean():
        return None
    return int(tick_ns[begin])
