"""A fast against a slow variance: jitter and a frozen sensor stand out, a spike and a constant do not."""

import math

import numpy as np
import pytest

from models.detectors import variance_change
from models.state.fields import Layout


def _scores(values):
    """Nats of each value, before it is learnt."""
    table, nats = Layout.of(variance_change.VarianceChangeRow).empty(1), np.zeros((len(values), 1))
    variance_change.run(table, np.asarray(values, np.float64)[:, None], np.zeros(len(values), np.int64), nats)
    return nats[:, 0]


def _with(deviation, at=1500, n=1600):
    values = np.random.default_rng(0).normal(10.0, 1.0, n)
    values[at:] = 10.0 + (values[at:] - 10.0) * deviation
    return values


@pytest.mark.parametrize(
    ("deviation", "found"),
    [
        pytest.param(1.0, None, id="as ever"),
        pytest.param(4.0, 1505, id="four times the deviation"),
        pytest.param(0.01, 1519, id="a sensor that froze, a hundredth of it"),
    ],
)
def test_a_change_of_variance_at_row_1500_is_found_at_a_row_that_a_seed_pins(deviation, found):
    above = np.flatnonzero(_scores(_with(deviation)) >= 10.0)
    assert (int(above[0]) if len(above) else None) == found


def test_a_spike_of_ten_deviations_is_no_change_of_variance():
    values = _with(1.0)
    values[1500] += 10.0
    assert _scores(values).max() < 10.0


def test_a_constant_has_no_variance_to_change():
    assert _scores(np.full(500, 7.0)).tolist() == [0.0] * 500


def test_nothing_is_scored_before_there_is_a_slow_variance():
    values = np.random.default_rng(0).normal(10.0, 1.0, 100)
    values[50:] *= 10
    assert _scores(values).tolist() == [0.0] * 100


def test_a_missing_value_is_neither_scored_nor_learnt():
    table = Layout.of(variance_change.VarianceChangeRow).empty(1)
    for value in _with(1.0, n=200).tolist():
        variance_change.learn(table[0], value)
    before = table.tobytes()
    assert variance_change.score(table[0], math.nan) == 0.0
    variance_change.learn(table[0], math.nan)
    assert table.tobytes() == before
