"""EWMA chart: distance from an exponentially weighted mean in weighted standard deviations, the largest of the metrics.

Source: Roberts, "Control Chart Tests Based on Geometric Moving Averages", Technometrics 1(3), 1959.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SPAN_ROWS = 100
LEAST_ROWS = 10


def score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `(n,)` of rows `(n, k)`, NaN = missing."""
    frame = pd.DataFrame(values)
    before = frame.ewm(span=SPAN_ROWS, min_periods=LEAST_ROWS)
    mean, deviation = before.mean().shift(1), before.std().shift(1)
    z = ((frame - mean).abs() / deviation.where(deviation > 1e-9 * (mean.abs() + 1.0))).fillna(0.0)
    return np.asarray(z.to_numpy().max(axis=1))
