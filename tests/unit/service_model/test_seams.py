"""What of scikit-learn and numpy the fast path relies on, and what is said of a version that moves it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.tree._tree as tree

from models.reasons import LibraryPath
from models.seams import Library, plain
from models.service_model import numpy_seams, sklearn_seams
from models.service_model.forest_growth import fitted, grow, grown

ROWS = np.random.default_rng(0).normal(size=(900, 3)).astype(np.float32)


def test_the_installed_versions_are_ones_that_the_fast_path_knows() -> None:
    assert sklearn_seams.SEAM.moved == numpy_seams.SEAM.moved == ()


def test_a_builder_that_takes_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "DepthFirstTreeBuilder", lambda splitter: splitter)
    assert replace(sklearn_seams.SEAM).path is LibraryPath.PLAIN_MOVED


def test_draws_that_differ_are_not_imitated(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(np.random.RandomState):
        def permutation(self, n: int) -> np.ndarray:
            return super().permutation(n)[::-1]

    monkeypatch.setattr(np.random, "RandomState", Other)
    assert replace(numpy_seams.SEAM).path is LibraryPath.PLAIN_MOVED


@pytest.mark.parametrize("library", [Library.NUMPY, Library.SCIKIT_LEARN])
def test_the_plain_path_grows_the_same_forest(library: Library) -> None:
    fast = grow(ROWS, 5, 256, seed=3)
    with plain(library):
        slow = grow(ROWS, 5, 256, seed=3)
    for name in ("feature", "threshold", "left", "right", "path", "roots"):
        assert getattr(fast, name).tolist() == getattr(slow, name).tolist(), name
    assert fast.normaliser == slow.normaliser


def test_the_setting_decides_who_grows() -> None:
    assert grown(ROWS, 2, 256, 1).feature.tolist() == fitted(ROWS, 2, 256, 1).feature.tolist()
    with plain(Library.NUMPY):
        assert numpy_seams.permutation(1, 50).tolist() == numpy_seams.shuffled(1, 50).tolist()
