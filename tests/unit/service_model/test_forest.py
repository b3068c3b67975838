"""The flat forest is scikit-learn's forest."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from models.service_model.forest import ROWS_WORTH_A_FORM, SIDE_BY_SIDE, Forest


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
    assert [forest.score(rows[i : i + 1])[0] for i in range(200)] == together.tolist()


@pytest.mark.parametrize(
    "n_rows",
    [ROWS_WORTH_A_FORM - 1, ROWS_WORTH_A_FORM, ROWS_WORTH_A_FORM + 1, 5 * SIDE_BY_SIDE, 5 * SIDE_BY_SIDE + 1],
)
def test_however_many_are_asked_about_scores_have_the_same_bits(n_rows):
    rows = np.random.default_rng(6).normal(size=(n_rows, 4))
    forest = Forest.from_sklearn(IsolationForest(n_estimators=20, random_state=0).fit(rows))
    rows[::7, 2] = np.inf
    assert forest.score(rows).tolist() == [forest.score(rows[i : i + 1])[0] for i in range(n_rows)]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda forest: forest._replace(left=forest.left + 10_000), id="a child outside of the arrays"),
        pytest.param(lambda forest: forest._replace(right=np.zeros_like(forest.right)), id="a child before its parent"),
        pytest.param(lambda forest: forest._replace(roots=forest.roots[1:]), id="nodes before the first root"),
        pytest.param(lambda forest: forest._replace(roots=forest.roots[::-1].copy()), id="trees in another order"),
        pytest.param(
            lambda forest: forest._replace(left=np.where(forest.left > 0, forest.roots[-1], 0)),
            id="a child in another tree",
        ),
    ],
)
def test_a_forest_that_would_lead_a_walk_astray_is_not_sound(broken):
    rows = np.random.default_rng(7).normal(size=(50, 3))
    forest = Forest.from_sklearn(IsolationForest(n_estimators=3, random_state=0).fit(rows))
    assert forest.sound
    assert not broken(forest).sound
