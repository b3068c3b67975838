"""Isolation Forest on log-compressed, whitened components, a new one every day on the last seven.

Splits are parallel to the axes: on raw metrics that move together a forest sees nothing of how they move together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from benchmarks.quality.baselines.refit import Model, refit_daily, rows_of
from benchmarks.quality.baselines.whitening import compress, whitening
from benchmarks.quality.corpus import Stream

SEED = 0


def score(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)`."""
    return refit_daily(stream.time_ns, rows_of(stream.values), _fit)


def _fit(rows: NDArray[np.float64]) -> Model:
    whiten = whitening(rows)
    forest = IsolationForest(random_state=SEED).fit(compress(whiten(rows)))
    return lambda asked: -forest.score_samples(compress(whiten(asked)))
