"""Grows an Isolation Forest with scikit-learn's own tree builder: the very trees of its `IsolationForest`, sooner.

Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008. Of the 90 ms that `IsolationForest.fit` takes for a hundred
trees of 256 rows each, out of 12,000, scikit-learn's compiled builder takes 4. The rest is for checking, cloning and
describing a hundred estimators, for handing each tree all rows, with weights of which most are zero, and for a shuffle
of all rows for each tree (15 ms). Here the builder is used by itself, on the rows of the sub-sample, and the shuffle is
compiled. What is drawn, and in which order, is what `IsolationForest` draws from the same seed; a test holds the two to
each other. Where the builder is not as we know it (`sklearn_seams`), `IsolationForest` grows them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.service_model import sklearn_seams
from models.service_model.forest import Forest
from models.service_model.numpy_seams import permutation

LARGEST_SEED: Final = np.iinfo(np.int32).max

SHUFFLED_FROM: Final = 0.01
SHUFFLED_TO: Final = 0.99
"""Share of the rows that a sub-sample has where scikit-learn takes it from a permutation of all; elsewhere it has other
ways."""


def grow(rows: NDArray[np.float32], trees: int, samples_per_tree: int, seed: int) -> Forest:
    """The forest that `sklearn.ensemble.IsolationForest(trees, max_samples=samples_per_tree, random_state=seed)` fits.

    Args:
        rows: float32 `(n_rows, n_features)`, finite. A tree gets all of them where there are no more than
            `samples_per_tree`.
    """
    n_samples = min(samples_per_tree, len(rows))
    return (grown if sklearn_seams.SEAM.fast else fitted)(rows, trees, n_samples, seed)


def fitted(rows: NDArray[np.float32], trees: int, n_samples: int, seed: int) -> Forest:
    """The plain path: `IsolationForest` itself."""
    from sklearn.ensemble import IsolationForest

    return Forest.from_sklearn(IsolationForest(n_estimators=trees, max_samples=n_samples, random_state=seed).fit(rows))


def grown(rows: NDArray[np.float32], trees: int, n_samples: int, seed: int) -> Forest:
    """The fast path: scikit-learn's builder by itself."""
    # generators begun anew with the same seed: of the targets and of the trees' seeds, of a tree's splits and its rows
    target = np.random.RandomState(seed).uniform(size=len(rows))
    seeds = np.random.RandomState(seed).randint(LARGEST_SEED, size=trees)
    drawing, splitting = np.random.RandomState(0), np.random.RandomState(0)
    builder = sklearn_seams.tree_builder(n_samples, splitting)
    built = []
    for tree_seed in seeds.tolist():
        drawing.seed(tree_seed)
        splitting.seed(drawing.randint(LARGEST_SEED))
        chosen = np.sort(_sub_sample(tree_seed, len(rows), n_samples))
        built.append(sklearn_seams.build_tree(builder, rows[chosen], target[chosen]))
    every = np.arange(rows.shape[1])
    return Forest.from_trees(built, [every] * trees, n_samples)


def _sub_sample(seed: int, n_rows: int, n_samples: int) -> NDArray[Any]:
    """Numbers of rows, as `sklearn.utils.random.sample_without_replacement` draws them."""
    if SHUFFLED_FROM < n_samples / n_rows < SHUFFLED_TO:
        return permutation(seed, n_rows)[:n_samples]
    from sklearn.utils.random import sample_without_replacement

    return np.asarray(sample_without_replacement(n_rows, n_samples, random_state=np.random.RandomState(seed)))
