"""Residual of principal components: what of a standardised row the main components of the last seven days can't tell.

Source: Jackson and Mudholkar, "Control Procedures for Residuals Associated With Principal Component Analysis",
Technometrics 21(3), 1979.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.baselines.refit import Model, refit_daily, rows_of
from benchmarks.quality.corpus import Stream

EXPLAINED = 0.9
"""Share of the variance that the main components hold."""


def score(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)`."""
    return refit_daily(stream.time_ns, rows_of(stream.values), residual)


def residual(rows: NDArray[np.float64]) -> Model:
    """Length of the residual, of metrics standardised as rows `(m, k)` are."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 1e-9 * (np.abs(mean) + 1.0), deviation, 0.01 * np.abs(mean) + 1e-3)
    _, singular, axes = np.linalg.svd((rows - mean) / scale, full_matrices=False)
    held = np.cumsum(singular**2) / max(float(np.sum(singular**2)), 1e-12)
    main = axes[: int(np.searchsorted(held, EXPLAINED)) + 1]

    def asked(new: NDArray[np.float64]) -> NDArray[np.float64]:
        z = (new - mean) / scale
        return np.asarray(np.linalg.norm(z - (z @ main.T) @ main, axis=1))

    return asked
