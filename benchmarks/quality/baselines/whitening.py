"""Rows on a common footing: standardised robustly, compressed, decorrelated, every component with variance 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RIDGE = 0.01
"""Variance added to that of every component: what hardly varies is not divided by next to nothing."""


@dataclass(frozen=True, slots=True)
class RefitWhitening:
    """Attributes: centre, scale: `(k,)`. mean: `(k,)`. directions: `(k, c)`, columns divided by their deviation."""

    centre: Floats
    scale: Floats
    mean: Floats
    directions: Floats

    def __call__(self, rows: Floats) -> Floats:
        """Components `(n, c)` of rows `(n, k)`."""
        return (compress((rows - self.centre) / self.scale) - self.mean) @ self.directions


def compress(z: Floats) -> Floats:
    """Values as they are near 0, their logarithm far out: one wild metric must not be all there is."""
    return np.asarray(np.sign(z) * np.log1p(np.abs(z)))


def whitening(rows: Floats) -> RefitWhitening:
    """Fitted on rows `(m, k)`. Metrics that did not move are measured in hundredths of their level."""
    centre = np.median(rows, axis=0)
    deviation = rows.std(axis=0)
    scale = np.where(deviation > 1e-9 * (np.abs(centre) + 1.0), deviation, 0.01 * np.abs(centre) + 1e-3)
    z = compress((rows - centre) / scale)
    mean = z.mean(axis=0)
    _, singular, axes = np.linalg.svd(z - mean, full_matrices=False)
    spread = singular / np.sqrt(len(rows))
    return RefitWhitening(centre, scale, mean, axes.T / np.sqrt(spread**2 + RIDGE))
