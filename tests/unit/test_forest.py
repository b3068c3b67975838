"""The flat forest is scikit-learn's forest."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from models.forest import Forest


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        pytest.param(np.random.default_rng(0).normal(size=(600, 5)), {}, id="normal rows"),
        pytest.param(np.random.default_rng(1).standard_cauchy((600, 3)) * 1e6, {}, id="heavy tails"),
        pytest.param(
            np.random.default_rng(2).normal(size=(300, 6)), {"max_features": 0.5}, id="trees that see some columns"
        ),
        pytest.param(np.random.default_rng(3).integers(0, 3, (300, 2)).astype(float), {}, id="few distinct values"),
        pytest.param(np.ones((50, 2)), {}, id="constant rows"),
        pytest.param(np.random.default_rng(4).normal(size=(2, 2)), {}, id="two rows"),
    ],
)
def test_scores_equal_those_of_scikit_learn(rows, options):
    fitted = IsolationForest(n_estimators=40, random_state=0, **options).fit(rows)
    forest = Forest.from_sklearn(fitted)
    asked = np.concatenate((rows, rows * 1.7, np.nextafter(rows, np.inf), rows * -1e5))
    np.testing.assert_allclose(forest.score(asked), -fitted.score_samples(asked), rtol=0, atol=1e-9)


def test_a_row_scores_the_same_alone_and_among_others():
    rows = np.random.default_rng(5).normal(size=(200, 4))
    forest = Forest.from_sklearn(IsolationForest(n_estimators=20, random_state=0).fit(rows))
    together = forest.score(rows)
    assert [forest.score(rows[i : i + 1])[0] for i in range(20)] == together[:20].tolist()
