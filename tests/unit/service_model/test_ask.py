"""What services' models say about closed rows: which columns they see, which rows they are asked about."""

import numpy as np
import pytest

from models.fold_state import new_state
from models.service_model.ask import ask_models
from models.state.rows import Rows
from tests.unit.streams import RULE, START_NS, model_for, series

FEATURES = ("cpu", "latency")


@pytest.fixture
def state():
    known = new_state(RULE)
    for name in ("cpu", "latency", "queue"):
        known.register(series(name))
    known.register(series("cpu", service="pay"))
    known.assign_columns(0, FEATURES)
    return known


def _model():
    return model_for(np.random.default_rng(0).normal(0, 1, (400, 2)), FEATURES)


def rows(*values, entity=0):
    """One row of the shop's three series, or of the other service's one."""
    numbers = {0: (0, 1, 2), 1: (3,)}[entity][: len(values)]
    return Rows(
        np.array([entity], np.int32),
        np.array([START_NS]),
        np.array([10**9]),
        np.array([0, len(values)]),
        np.array(numbers, np.int32),
        np.array(values, np.float64),
    )


def test_a_model_sees_its_columns_and_nothing_else(state):
    model = _model()
    asked = ask_models(state, {0: model}, rows(0.5, 8.0, 1e9))
    nats, share = model.surprise(np.array([[0.5, 8.0]]), np.array([START_NS]))
    assert asked.surprise_nats.tolist() == nats.tolist()
    assert asked.share.tolist() == [*share[0].tolist(), 0.0]
    assert asked.unknown.tolist() == [1], "the queue has no column"
    assert asked.youth.tolist() == [model.youth]


def test_the_parts_of_a_row_are_those_of_the_cell_that_is_odd(state):
    asked = ask_models(state, {0: _model()}, rows(0.1, 9.0))
    assert asked.share.sum() == pytest.approx(1.0)
    assert asked.share[1] > 0.8


def test_a_missing_value_has_no_unknown_column(state):
    assert ask_models(state, {0: _model()}, rows(0.1, 0.2, np.nan)).unknown.tolist() == [0]


@pytest.mark.parametrize(
    "asked_rows",
    [pytest.param(rows(1.0, entity=1), id="of another service"), pytest.param(rows(), id="without cells: a silence")],
)
def test_a_model_is_not_asked_about_rows(state, asked_rows):
    asked = ask_models(state, {0: _model()}, asked_rows)
    assert np.isnan(asked.surprise_nats).tolist() == [True]
    assert asked.share.tolist() == [0.0] * len(asked_rows.value)


def test_without_models_there_is_nothing_to_say(state):
    assert np.isnan(ask_models(state, {}, rows(1.0, 2.0, 3.0)).surprise_nats).all()
