"""How far a whitened row lies from normal: from its middle (Mahalanobis), and from the nearest row ever learnt.

Sources: Mahalanobis, "On the generalised distance in statistics", 1936; nearest neighbour: Ramaswamy, Rastogi, Shim,
"Efficient algorithms for mining outliers from large data sets", SIGMOD 2000, on a fixed sample of rows instead of all.
What a feature has to do with the distance: Mason, Young, Tracy, "Decomposition of T² for multivariate control chart
interpretation", Journal of Quality Technology 27, 1995.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_to_make_arrays


@compiled
def mean_square(w: NDArray[np.float64]) -> float:
    """Squared Mahalanobis distance of a whitened row `(K,)`, a component."""
    total = 0.0
    for k in range(w.shape[0]):
        total += w[k] * w[k]
    return float(total / w.shape[0])


@compiled_to_make_arrays
def nearest_mean_squares(rows: NDArray[np.float32], reference: NDArray[np.float32], out: NDArray[np.float64]) -> None:
    """Squared distance of whitened rows `(n_rows, K)` to the nearest of the reference rows `(R, K)` each, a component,
    into `out` `(n_rows,)`.

    All references are looked at component by component: a loop without a condition takes as many at once as the
    processor has lanes, and adds up each one's squares in the same order. Sums of squares are in the order of their
    bits read as whole numbers, of which the least is found in as many lanes, too.
    """
    columns = reference.T.copy()
    totals = np.empty(reference.shape[0])
    bits, least = totals.view(np.int64), out.view(np.int64)
    for i in range(rows.shape[0]):
        totals[:] = 0.0
        for k in range(rows.shape[1]):
            for r in range(totals.shape[0]):
                difference = rows[i, k] - columns[k, r]
                totals[r] += difference * difference
        least[i] = bits[0]
        for r in range(1, bits.shape[0]):
            least[i] = min(least[i], bits[r])
        out[i] /= rows.shape[1]


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
