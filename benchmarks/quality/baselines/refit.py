"""How fitted baselines stay causal: fitted on the past, asked about the present, never the other way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Model = Callable[[Floats], Floats]
"""Scores of rows, from a fit."""

DAY_NS = 86_400_000_000_000
MEMORY_DAYS = 7
LEAST_ROWS = 100
"""Rows before the first fit; until then every row scores 0."""


def refit_daily(time_ns: NDArray[np.int64], rows: Floats, fit: Callable[[Floats], Model]) -> Floats:
    """Scores `(n,)` of rows `(n, k)`: each day by a fit on the seven days before it."""
    score = np.zeros(len(rows))
    running = np.maximum.accumulate(time_ns)
    day = (running - running[0]) // DAY_NS
    starts = np.flatnonzero(np.diff(day, prepend=-1))
    for start, end in zip(starts, [*starts[1:], len(rows)], strict=True):
        first = int(np.searchsorted(running, running[start] - MEMORY_DAYS * DAY_NS))
        if start - first >= LEAST_ROWS:
            score[start:end] = fit(rows[first:start])(rows[start:end])
    return score


def fit_once(judged: NDArray[np.bool_], rows: Floats, fit: Callable[[Floats], Model]) -> Floats:
    """Scores `(n,)` of rows `(n, k)` by one fit on what comes before the judged rows."""
    first = int(np.argmax(judged))
    score = np.zeros(len(rows))
    score[first:] = fit(rows[:first])(rows[first:])
    return score


def filled(values: Floats) -> Floats:
    """Values with the last one known in place of a missing one, 0 before the first."""
    return np.asarray(pd.DataFrame(values).ffill().fillna(0.0).to_numpy())


def rows_of(values: Floats, lags: int = 10) -> Floats:
    """What multivariate detectors are fed: rows of several metrics as they are, of a single one its last values."""
    whole = filled(values)
    if whole.shape[1] > 1:
        return whole
    padded = np.concatenate((np.full(lags - 1, whole[0, 0]), whole[:, 0]))
    return np.lib.stride_tricks.sliding_window_view(padded, lags).copy()
