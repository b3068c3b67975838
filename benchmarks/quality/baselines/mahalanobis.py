"""Mahalanobis distance to the last seven days, a new covariance every day.

Source: Mahalanobis, "On the generalised distance in statistics", 1936; as a control chart: Hotelling's T squared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.baselines.refit import Model, refit_daily, rows_of
from benchmarks.quality.corpus import Stream

RIDGE = 1e-3
"""Share of each variance that is added to it: metrics that say the same would make the covariance singular."""


def score(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)`."""
    return refit_daily(stream.time_ns, rows_of(stream.values), distance)


def distance(rows: NDArray[np.float64]) -> Model:
    """Distance to the distribution of rows `(m, k)`, of standardised metrics."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 1e-9 * (np.abs(mean) + 1.0), deviation, 0.01 * np.abs(mean) + 1e-3)
    z = (rows - mean) / scale
    precision = np.linalg.inv(np.cov(z, rowvar=False) + RIDGE * np.eye(rows.shape[1]))

    def asked(new: NDArray[np.float64]) -> NDArray[np.float64]:
        far = (new - mean) / scale
        return np.asarray(np.sqrt(np.einsum("ij,jk,ik->i", far, precision, far, optimize=True)))

    return asked
