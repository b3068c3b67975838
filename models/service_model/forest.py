"""An Isolation Forest as flat arrays, walked by one compiled loop; gives what scikit-learn's `score_samples` gives.

Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008. scikit-learn itself is never imported here: a fitted estimator
comes in as an object with its attributes, so that a worker that only scores needs neither the library nor a pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_to_make_arrays

EULER_GAMMA = 0.5772156649015329

ROWS_WORTH_A_FORM = 16
"""Rows from which on giving trees the form of `_Tree`, 45 us a forest, is quicker than walking row after row, which
takes 3.7 us a row: a cell of 62 rows takes 80 us, not 230."""

SIDE_BY_SIDE = 64
"""Rows that go down a tree together."""


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
        return cls.from_trees(trees, fitted.estimators_features_, fitted.max_samples_)

    @classmethod
    def from_trees(cls, trees: Sequence[Any], columns: Sequence[NDArray[Any]], n_samples: int) -> Forest:
        """Arrays of scikit-learn's trees, each grown on `n_samples` rows.

        Args:
            columns: numbers of the columns that each tree has seen, in its own order.
        """
        sizes = [int(tree.node_count) for tree in trees]
        roots = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int32)
        first = np.repeat(roots, sizes)
        children = np.concatenate([tree.children_left for tree in trees])
        leaf = children < 0
        left = np.where(leaf, 0, children + first)
        right = np.where(leaf, 0, np.concatenate([tree.children_right for tree in trees]) + first)
        feature = np.concatenate(
            [seen[np.maximum(tree.feature, 0)] for tree, seen in zip(trees, columns, strict=True)]
        )  # a leaf has -2
        edges = _edges_to_root(left, right, roots)
        path = edges + average_path_length(np.concatenate([tree.n_node_samples for tree in trees]))
        mean_depth = float(average_path_length(np.array([n_samples]))[0])
        return cls(
            feature=np.where(leaf, -1, feature).astype(np.int32),
            threshold=_float32_floor(np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees]))),
            left=left.astype(np.int32),
            right=right.astype(np.int32),
            path=np.where(leaf, path, 0.0),
            roots=roots,
            normaliser=len(trees) * mean_depth,
        )

    @property
    def sound(self) -> bool:
        """Whether every walk stays inside of its tree and ends: children come after their parent, trees one after the
        other."""
        nodes, inner = len(self.feature), self.feature >= 0
        if nodes == 0 or any(len(a) != nodes for a in (self.threshold, self.left, self.right, self.path)):
            return False
        if len(self.roots) == 0 or self.roots[0] != 0 or self.roots[-1] >= nodes or np.any(np.diff(self.roots) <= 0):
            return False
        here = np.arange(nodes)[inner]
        end = np.append(self.roots[1:], nodes)[np.searchsorted(self.roots, here, side="right") - 1]
        children = np.stack((self.left[inner], self.right[inner]))
        return bool(np.all(children > here) and np.all(children < end))

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Outlier score of each row, 0 to 1, larger = more isolated: minus scikit-learn's `score_samples`.

        Args:
            rows: float64 `(n_rows, n_features)`, finite. Rounded to float32 first, as scikit-learn does.
        """
        out = np.empty(len(rows))
        score_rows(np.ascontiguousarray(rows, dtype=np.float32), self, out)
        return out


def _edges_to_root(left: NDArray[Any], right: NDArray[Any], roots: NDArray[np.int32]) -> NDArray[np.float64]:
    """How many edges each node is from its tree's root, from the nodes' children; a leaf has 0.

    >>> _edges_to_root(np.array([1, 0, 3, 0, 0, 0]), np.array([2, 0, 4, 0, 0, 0]), np.array([0, 5])).tolist()
    [0.0, 1.0, 1.0, 2.0, 2.0, 0.0]
    """
    edges = np.zeros(len(left))
    distance, nodes = 0.0, np.asarray(roots)
    while len(nodes):
        edges[nodes] = distance
        nodes = np.concatenate((left[nodes], right[nodes]))
        distance, nodes = distance + 1.0, nodes[nodes > 0]
    return edges


def _float32_floor(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Largest float32 not above each threshold: float32 values compare with it as they would with the float64."""
    rounded = threshold.astype(np.float32)
    too_large = rounded.astype(np.float64) > threshold
    rounded[too_large] = np.nextafter(rounded[too_large], np.float32(-np.inf))
    return rounded


@compiled
def _path_score(row: NDArray[np.float32], forest: Forest) -> float:
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


@compiled_to_make_arrays
def score_rows(rows: NDArray[np.float32], forest: Forest, out: NDArray[np.float64]) -> None:
    """Outlier scores of rows `(n_rows, n_features)` into `out` `(n_rows,)`; compiled.

    Many rows go through one tree before the next is looked at: it stays in the first cache, in a form that is walked
    without branches, for those are guessed wrongly half of the time, which is most of what a walk takes.
    """
    if rows.shape[0] < ROWS_WORTH_A_FORM or forest.normaliser == 0.0:
        for i in range(rows.shape[0]):
            out[i] = _path_score(rows[i], forest)
        return
    room = _largest_tree(forest)
    tree = _Tree(np.empty(room, np.uint32), np.empty(room, np.float32), np.empty(2 * room, np.uint32), np.empty(room))
    out[:] = 0.0
    for number in range(forest.roots.shape[0]):
        _add_paths(rows.ravel(), tree, _form(forest, number, tree), out)
    for i in range(rows.shape[0]):
        out[i] = 2.0 ** (-out[i] / forest.normaliser)


class _Tree(NamedTuple):
    """One tree for many rows, its nodes counted from 0, the root. A leaf leads to itself, so that a walk of the tree's
    depth ends in the right one. Numbers are unsigned: compiled code looks at every other index whether it counts from
    the end.

    Attributes:
        feature: uint32 `(n_nodes,)`, of a leaf any. threshold: float32. children: uint32 `(2 * n_nodes,)`, left and
            right of each. path: float64, as in `Forest`.
    """

    feature: NDArray[np.uint32]
    threshold: NDArray[np.float32]
    children: NDArray[np.uint32]
    path: NDArray[np.float64]


@compiled
def _tree_end(forest: Forest, number: int) -> int:
    """Number of the node after a tree's last one: trees lie one after the other."""
    return int(forest.roots[number + 1] if number + 1 < forest.roots.shape[0] else forest.feature.shape[0])


@compiled
def _largest_tree(forest: Forest) -> int:
    largest = 0
    for number in range(forest.roots.shape[0]):
        largest = max(largest, _tree_end(forest, number) - forest.roots[number])
    return largest


@compiled_to_make_arrays
def _form(forest: Forest, number: int, tree: _Tree) -> int:
    """Fill in a tree's form; its depth."""
    root, end = forest.roots[number], _tree_end(forest, number)
    depth = np.zeros(end - root, np.int32)
    deepest = 0
    for node in range(end - root):
        source = root + node
        leaf = forest.feature[source] < 0
        left = node if leaf else forest.left[source] - root
        right = node if leaf else forest.right[source] - root
        tree.feature[node] = 0 if leaf else forest.feature[source]
        tree.threshold[node], tree.path[node] = forest.threshold[source], forest.path[source]
        tree.children[2 * node], tree.children[2 * node + 1] = left, right
        if not leaf:
            depth[left] = depth[right] = depth[node] + 1
            deepest = max(deepest, depth[left])
    return deepest


@compiled_to_make_arrays
def _add_paths(values: NDArray[np.float32], tree: _Tree, depth: int, out: NDArray[np.float64]) -> None:
    """Add each row's path in one tree. Rows go down side by side, so that none waits for another's look-ups.

    Args:
        values: `(n_rows * n_features,)`, row after row. out: `(n_rows,)`.
    """
    n_features = values.shape[0] // out.shape[0]
    nodes = np.empty(SIDE_BY_SIDE, np.uint32)
    for first in range(0, out.shape[0], SIDE_BY_SIDE):
        n = min(SIDE_BY_SIDE, out.shape[0] - first)
        nodes[:] = 0
        for _ in range(depth):
            for k in range(n):
                node = np.uint64(nodes[k])
                value = values[np.uint64((first + k) * n_features) + np.uint64(tree.feature[node])]
                right = np.uint64(0) if value <= tree.threshold[node] else np.uint64(1)
                nodes[k] = tree.children[np.uint64(2) * node + right]
        for k in range(n):
            out[first + k] += tree.path[np.uint64(nodes[k])]
