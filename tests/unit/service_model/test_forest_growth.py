"""What is grown is scikit-learn's `IsolationForest`, and its sub-samples are numpy's."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from models.service_model.forest import Forest
from models.service_model.forest_growth import SHUFFLED_FROM, fitted, grown
from models.service_model.numpy_seams import shuffled

ROWS = np.random.default_rng(0).normal(size=(3000, 5)).astype(np.float32)
FEW_VALUES = np.random.default_rng(1).integers(0, 3, (700, 4)).astype(np.float32)
FEW_VALUES[:, 2] = 1.0


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(ROWS, id="a sub-sample for each tree"),
        pytest.param(ROWS[:257], id="all rows but one for each tree"),
        pytest.param(ROWS[:256], id="as many rows as a tree gets"),
        pytest.param(ROWS[:100], id="fewer rows than a tree would get"),
        pytest.param(ROWS[:2], id="two rows"),
        pytest.param(FEW_VALUES, id="few distinct values, and a constant"),
        pytest.param(np.ones((400, 2), np.float32), id="constant rows"),
        pytest.param(np.tile(ROWS, (9, 1)), id="so many rows that a sub-sample is not a part of a permutation"),
    ],
)
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
@pytest.mark.parametrize("path", [grown, fitted], ids=["fast", "plain"])
def test_the_forest_is_that_of_scikit_learn(path, rows, seed):
    n_samples = min(256, len(rows))
    theirs = Forest.from_sklearn(IsolationForest(n_estimators=12, max_samples=n_samples, random_state=seed).fit(rows))
    found = path(rows, 12, n_samples, seed)
    assert found.normaliser == theirs.normaliser
    for name in ("feature", "threshold", "left", "right", "path", "roots"):
        ours, expected = getattr(found, name), getattr(theirs, name)
        assert ours.dtype == expected.dtype
        assert ours.tolist() == expected.tolist(), name


def test_the_cases_are_on_both_sides_of_where_scikit_learn_draws_otherwise():
    assert 256 / (9 * len(ROWS)) < SHUFFLED_FROM < 256 / len(ROWS)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 1000, 4096, 4097, 5571, 30_000])
def test_a_permutation_is_that_of_numpy(n):
    for seed in (*range(20), 2**31 - 1):
        ours, theirs = shuffled(seed, n), np.random.RandomState(seed).permutation(n)
        assert ours.tolist() == theirs.tolist()
