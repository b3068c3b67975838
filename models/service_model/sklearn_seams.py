"""scikit-learn, and what we use of it beside its documentation: the builder of its trees."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.seams import Library, LibraryPart, Seam


def tree_builder(n_samples: int, splitting: np.random.RandomState) -> Any:
    """What an `ExtraTreeRegressor(max_features=1, splitter="random")` of the paper's depth builds its tree with."""
    from sklearn.tree._criterion import MSE
    from sklearn.tree._splitter import RandomSplitter
    from sklearn.tree._tree import DepthFirstTreeBuilder

    depth = math.ceil(math.log2(max(n_samples, 2)))
    return DepthFirstTreeBuilder(RandomSplitter(MSE(1, n_samples), 1, 1, 0.0, splitting, None), 2, 1, 0.0, depth, 0.0)


def build_tree(builder: Any, rows: NDArray[np.float32], target: NDArray[np.float64]) -> Any:
    """A tree that tells the rows apart."""
    from sklearn.tree._tree import Tree

    tree = Tree(rows.shape[1], np.ones(1, np.intp), 1)
    builder.build(tree, rows, target[:, None])
    return tree


def _builds_a_tree(_: Any) -> bool:
    rows = np.arange(8, dtype=np.float32)[:, None]
    tree = build_tree(tree_builder(8, np.random.RandomState(0)), rows, np.arange(8.0))
    leaves = int((tree.children_left < 0).sum())
    return bool(tree.n_node_samples[0] == 8 and tree.node_count == 2 * leaves - 1 > 1)


SEAM: Final = Seam(
    Library.SCIKIT_LEARN,
    tested=("1.9.1",),
    parts=(
        LibraryPart(
            "sklearn.tree._tree:DepthFirstTreeBuilder",
            breaks="no model can be trained",
            plain="IsolationForest.fit: the same trees in seven times the time",
            works=_builds_a_tree,
        ),
    ),
)
