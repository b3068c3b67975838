"""How far a value is from all that its series has been."""

import math

import numpy as np
import pytest

from models.detectors import hour_of_day, novelty
from models.fold_state import SERIES

RANGE_AWAY = 2 * math.log1p(1 / novelty.RESOLUTION)
"""Nats of a value one range away: two channels of two ages, halved; 11.6."""


def _learn(one, values):
    for value in values:
        novelty.learn_seen(one, float(value), 0)
        hour_of_day.learn(one, float(value), 0)


def _lived(values):
    table = SERIES.empty(1)
    _learn(table[0], values)
    return table[0]


def _nats(one, value):
    return novelty.onset_score(one, float(value), 0)


def _spread(low=0.0, high=10.0, n=400):
    """Values of all of a range, in no order, so that no two are a step apart that counts."""
    return np.random.default_rng(0).uniform(low, high, n)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(5.0, 0.0, id="amid of what has been seen"),
        pytest.param(20.0, RANGE_AWAY, id="a range above it"),
        pytest.param(-10.0, RANGE_AWAY, id="a range below it"),
        pytest.param(1e9, 2 * math.log1p(novelty.FARTHEST / novelty.RESOLUTION), id="farther is not stranger"),
    ],
)
def test_novelty_is_the_distance_in_ranges(value, expected):
    assert _nats(_lived(_spread()), value) == pytest.approx(expected, abs=0.3)


def test_before_ten_rows_nothing_is_new():
    one = _lived([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    assert _nats(one, 100.0) == 0.0
    _learn(one, [1.0])
    assert _nats(one, 100.0) > 10.0


def test_what_was_seen_once_is_half_new_until_it_has_been_seen_a_while_ago():
    one = _lived(_spread())
    first = _nats(one, 19.0)
    _learn(one, [19.0])
    second = _nats(one, 19.0)
    _learn(one, _spread(n=2 * novelty.GENERATION))
    assert (first, second, _nats(one, 19.0)) == (
        pytest.approx(RANGE_AWAY, abs=0.5),
        pytest.approx(0.5 * RANGE_AWAY, abs=0.3),
        pytest.approx(0.0, abs=0.3),
    )


def test_one_step_beyond_what_has_been_seen_is_not_new_where_a_series_moves_in_steps():
    one = _lived([0, 1, 2] * 40)
    assert [_nats(one, value) == 0.0 for value in (1, 3, 5)] == [True, True, False]


def test_a_gap_within_the_range_is_as_new_as_it_is_wide():
    one = _lived(np.concatenate(([0.0, 10.0], _spread(0, 1), _spread(9, 10))))
    # the value's channel alone: the residual to the hour's mean lies among others
    assert _nats(one, 5.0) == pytest.approx(math.log1p(0.4 / novelty.RESOLUTION), abs=0.3)


def test_one_absurd_value_does_not_make_a_series_blind():
    one = _lived(_spread())
    _learn(one, [1e12])
    assert one["novelty_high"][novelty.VALUE] == pytest.approx(20.0, abs=0.2)


def test_what_never_moved_has_any_change_for_a_range():
    assert _nats(_lived([7.0] * 200), 8.0) == pytest.approx(RANGE_AWAY, abs=0.01)


def test_single_swings_tell_how_far_a_series_goes_whose_medians_never_move():
    one = _lived([7.0] * 200)
    novelty.learn_swing(one, 8.0)
    assert one["novelty_swing"] == 1.0
    # ten times as far as any single value went, and no farther than that
    assert _nats(one, 17.0) == pytest.approx(2 * math.log1p(10 / novelty.RESOLUTION), abs=0.01)
    assert _nats(one, 8.0) == pytest.approx(RANGE_AWAY, abs=0.01)


def test_a_grid_that_doubles_forgets_nothing():
    one = _lived(_spread(-10, 10))
    before = float(one["novelty_bin_step"][novelty.VALUE])
    for high in (20, 40, 80, 160):
        _learn(one, _spread(-high, high, 100))
    assert one["novelty_bin_step"][novelty.VALUE] / before == 16.0
    assert _nats(one, 3.0) == 0.0
