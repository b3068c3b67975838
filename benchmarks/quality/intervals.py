"""Bootstrap intervals: how far a figure would move with other entities of the same kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 20_260_101
LOW, HIGH = 0.05, 0.95


def interval(figure: Callable[[NDArray[np.int64]], float], entities: int) -> tuple[float, float] | None:
    """The middle 90 % of a figure over entities drawn with replacement; None for a single entity.

    Args:
        figure: the figure of the entities with these numbers, which may repeat; nan where it has none.
        entities: how many there are.

    >>> values = np.array([1.0, 1.0, 1.0])
    >>> interval(lambda chosen: float(values[chosen].mean()), 3)
    (1.0, 1.0)
    """
    if entities < 2:
        return None
    rng = np.random.default_rng(SEED)
    drawn = np.array([figure(rng.integers(0, entities, entities)) for _ in range(RESAMPLES)])
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) == 0:
        return None
    low, high = np.quantile(drawn, [LOW, HIGH])
    return float(low), float(high)
