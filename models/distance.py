"""How far a whitened row lies from normal: from its middle (Mahalanobis), and from the nearest row ever learnt.

Sources: Mahalanobis, "On the generalised distance in statistics", 1936; nearest neighbour: Ramaswamy, Rastogi, Shim,
"Efficient algorithms for mining outliers from large data sets", SIGMOD 2000, on a fixed sample of rows instead of all.
What a feature has to do with the distance: Mason, Young, Tracy, "Decomposition of T² for multivariate control chart
interpretation", Journal of Quality Technology 27, 1995.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled


@compiled
def mean_square(w: NDArray[np.float64]) -> float:
    """Squared Mahalanobis distance of a whitened row `(K,)`, a component."""
    total = 0.0
    for k in range(w.shape[0]):
        total += w[k] * w[k]
    return float(total / w.shape[0])


@compiled
def nearest_mean_square(w: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Squared distance of a whitened row `(K,)` to the nearest of the reference rows `(R, K)`, a component."""
    nearest = np.inf
    for r in range(reference.shape[0]):
        total = 0.0
        for k in range(w.shape[0]):
            difference = w[k] - reference[r, k]
            total += difference * difference
            if total >= nearest:
                break
        nearest = min(nearest, total)
    return float(nearest / w.shape[0])


@compiled
def shares(matrix: NDArray[np.float64], w: NDArray[np.float64], share: NDArray[np.float64]) -> None:
    """Each feature's part in the distance of a whitened row `(K,)`, into `share` `(F,)`, summing to 1.

    It is what the squared distance loses where the feature alone takes the value that the others make expected:
    `(Pz)_f^2 / P_ff` with the precision `P = matrix matrix'`. By Cauchy and Schwarz no feature that merely goes with a
    faulty one has a larger part than that one. Zeros for a row in the middle.
    """
    total = 0.0
    for f in range(share.shape[0]):
        pull, precision = 0.0, 0.0
        for k in range(w.shape[0]):
            pull += matrix[f, k] * w[k]
            precision += matrix[f, k] * matrix[f, k]
        share[f] = pull * pull / precision if precision > 0.0 else 0.0
        total += share[f]
    if total > 0.0:
        for f in range(share.shape[0]):
            share[f] /= total
