"""Isolation Forest as people begin with it: scikit-learn's defaults on raw rows (on ten lagged values of one series).

Source: Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from benchmarks.quality.baselines.refit import Model, fit_once, refit_daily, rows_of
from benchmarks.quality.corpus import Stream

SEED = 0


def score_fit_once(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)` by a forest that has seen the history, and nothing since."""
    return fit_once(stream.judged, rows_of(stream.values), forest)


def score_fit_daily(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)` by a forest of the last seven days, a new one every day."""
    return refit_daily(stream.time_ns, rows_of(stream.values), forest)


def forest(rows: NDArray[np.float64]) -> Model:
    """Fit on rows `(m, k)`."""
    fitted = IsolationForest(random_state=SEED).fit(rows)
    return lambda asked: -fitted.score_samples(asked)
