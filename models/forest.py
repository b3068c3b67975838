"""An Isolation Forest as flat arrays, walked by one compiled loop; gives what scikit-learn's `score_samples` gives.

Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008. scikit-learn itself is never imported here: a fitted estimator
comes in as an object with its attributes, so that a worker that only scores needs neither the library nor a pickle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled

EULER_GAMMA = 0.5772156649015329


def average_path_length(n_samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean depth at which a random binary tree over `n_samples` points isolates one of them (Liu et al., equation 1).

    >>> average_path_length(np.array([1, 2, 256])).round(3).tolist()
    [0.0, 1.0, 10.245]
    """
    n = n_samples.astype(np.float64)
    length = np.zeros_like(n)
    length[n == 2] = 1.0
    many = n > 2
    length[many] = 2.0 * (np.log(n[many] - 1.0) + EULER_GAMMA) - 2.0 * (n[many] - 1.0) / n[many]
    return length


class Forest(NamedTuple):
    """All trees of a forest, one node an entry. A named tuple, because compiled loops take those as arguments.

    Attributes:
        feature: int32 `(n_nodes,)`, column that the node looks at; -1 for a leaf.
        threshold: float32 `(n_nodes,)`; a row goes left where its value is at most this.
        left, right: int32 `(n_nodes,)`, node numbers of the children, 0 for a leaf.
        path: float64 `(n_nodes,)`, expected path length of a row that ends in this leaf; 0 for an inner node.
        roots: int32 `(n_trees,)`, node number of each tree's root.
        normaliser: summed path length at which the score is one half: trees times the mean depth of a random tree.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    path: NDArray[np.float64]
    roots: NDArray[np.int32]
    normaliser: float

    @classmethod
    def from_sklearn(cls, fitted: Any) -> Forest:
        """Arrays of a fitted `sklearn.ensemble.IsolationForest`."""
        trees = [estimator.tree_ for estimator in fitted.estimators_]
        sizes = [int(tree.node_count) for tree in trees]
        roots = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int32)
        feature, threshold, left, right, path = [], [], [], [], []
        for tree, columns, root in zip(trees, fitted.estimators_features_, roots, strict=True):
            leaf = np.asarray(tree.children_left) < 0
            feature.append(np.where(leaf, -1, np.asarray(columns)[np.where(leaf, 0, tree.feature)]))
            threshold.append(_float32_floor(np.where(leaf, 0.0, tree.threshold)))
            left.append(np.where(leaf, 0, tree.children_left + root))
            right.append(np.where(leaf, 0, tree.children_right + root))
            length = tree.compute_node_depths() - 1.0 + average_path_length(np.asarray(tree.n_node_samples))
            path.append(np.where(leaf, length, 0.0))
        mean_depth = float(average_path_length(np.array([fitted.max_samples_]))[0])
        return cls(
            feature=np.concatenate(feature).astype(np.int32),
            threshold=np.concatenate(threshold),
            left=np.concatenate(left).astype(np.int32),
            right=np.concatenate(right).astype(np.int32),
            path=np.concatenate(path),
            roots=roots,
            normaliser=len(trees) * mean_depth,
        )

    @property
    def sound(self) -> bool:
        """Whether every walk stays inside of the arrays and ends: children come after their parent."""
        nodes, inner = len(self.feature), self.feature >= 0
        if nodes == 0 or any(len(a) != nodes for a in (self.threshold, self.left, self.right, self.path)):
            return False
        children = np.concatenate((self.left, self.right, self.roots))
        here = np.arange(nodes)[inner]
        return bool(
            children.min() >= 0
            and children.max() < nodes
            and np.all(self.left[inner] > here)
            and np.all(self.right[inner] > here)
        )

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outlier score of each row, 0 to 1, larger = more isolated: minus scikit-learn's `score_samples`.

        Args:
            rows: float64 `(n_rows, n_features)`, finite. Rounded to float32 first, as scikit-learn does.
        """
        out = np.empty(len(rows))
        _score_rows(np.ascontiguousarray(rows, dtype=np.float32), self, out)
        return out


def _float32_floor(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Largest float32 not above each threshold: float32 values compare with it as they would with the float64."""
    rounded = threshold.astype(np.float32)
    too_large = rounded.astype(np.float64) > threshold
    rounded[too_large] = np.nextafter(rounded[too_large], np.float32(-np.inf))
    return rounded


@compiled
def path_score(row: NDArray[np.float32], forest: Forest) -> float:
    """Outlier score of one row `(n_features,)`; compiled."""
    if forest.normaliser == 0.0:
        return 0.5
    total = 0.0
    for tree in range(forest.roots.shape[0]):
        node = forest.roots[tree]
        column = forest.feature[node]
        while column >= 0:
            node = forest.left[node] if row[column] <= forest.threshold[node] else forest.right[node]
            column = forest.feature[node]
        total += forest.path[node]
    return float(2.0 ** (-total / forest.normaliser))


@compiled
def _score_rows(rows: NDArray[np.float32], forest: Forest, out: NDArray[np.float64]) -> None:
    for i in range(rows.shape[0]):
        out[i] = path_score(rows[i], forest)
