"""Moving z-score: distance from the mean of the last rows in their standard deviations, the largest of the metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WINDOW_ROWS = 300
LEAST_ROWS = 10


def score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `(n,)` of rows `(n, k)`, NaN = missing."""
    frame = pd.DataFrame(values)
    before = frame.rolling(WINDOW_ROWS, min_periods=LEAST_ROWS)
    mean, deviation = before.mean().shift(1), before.std().shift(1)
    # a metric that has not moved within the window says nothing
    z = ((frame - mean).abs() / deviation.where(deviation > 1e-9 * (mean.abs() + 1.0))).fillna(0.0)
    return np.asarray(z.to_numpy().max(axis=1))
