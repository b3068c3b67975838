"""Nearest neighbour in whitened space, Mahalanobis distance, and its mean over ten rows, summed.

Three views of the same space: has it been like this, how far out is it, and how long has it been out. Each is divided
by what it was typically in the days it was fitted on.

Source: Ramaswamy, Rastogi and Shim, "Efficient Algorithms for Mining Outliers from Large Data Sets", SIGMOD 2000.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from benchmarks.quality.baselines.refit import Model, refit_daily, rows_of
from benchmarks.quality.baselines.whitening import whitening
from benchmarks.quality.corpus import Stream

SMOOTHED_ROWS = 10
REFERENCES = 1500
"""Rows kept as neighbours, evenly spaced over the days."""


def score(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)`."""
    rows = rows_of(stream.values)
    nearest = refit_daily(stream.time_ns, rows, _nearest)
    distance = refit_daily(stream.time_ns, rows, _distance)
    smoothed = pd.Series(distance).rolling(SMOOTHED_ROWS, min_periods=1).mean().to_numpy()
    return np.asarray(nearest + distance + smoothed)


def _nearest(rows: NDArray[np.float64]) -> Model:
    whiten = whitening(rows)
    components = whiten(rows)
    every = max(len(rows) // REFERENCES, 1)
    neighbours = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(components[::every])
    # rows between two references stand for what is normal; a reference would be its own neighbour
    others = components[every // 2 :: every] if every > 1 else components
    typical = max(float(np.median(neighbours.kneighbors(others)[0][:, 0])), 1e-6) if every > 1 else 1.0
    return lambda asked: neighbours.kneighbors(whiten(asked))[0][:, 0] / typical


def _distance(rows: NDArray[np.float64]) -> Model:
    whiten = whitening(rows)
    typical = max(float(np.median(np.linalg.norm(whiten(rows), axis=1))), 1e-6)
    return lambda asked: np.linalg.norm(whiten(asked), axis=1) / typical
