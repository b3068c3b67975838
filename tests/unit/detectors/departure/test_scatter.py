"""The unit of residuals, their tail, and what so few rows can tell."""

import math

import numpy as np
import pytest

from models.detectors.departure import scatter
from models.detectors.departure.profile import hour_of
from tests.unit.detectors.departure.weeks import at, fresh


def _learnt(amounts, per_hour=10, series=None, day=0):
    series = fresh() if series is None else series
    series["scatter_near"] = float(np.mean(np.abs(amounts)))
    for number, amount in enumerate(amounts):
        hour = number // per_hour
        if number % per_hour == 0 and number:
            scatter.learn_hour(series, hour_of(at(day, hour - 1), 0))
        scatter.learn_move(series, 1.0)
        scatter.learn(series, abs(amount), scatter.unit(series, 0.0, at(day, hour), 0, True), True, 6.0)
    return series


def test_the_unit_of_plain_noise_is_its_deviation():
    series = _learnt(np.random.default_rng(0).normal(0, 3.0, 5000))
    assert scatter.unit(series, 0.0, at(1), 0, True) == pytest.approx(3.0, rel=0.15)
    assert 4.5 < scatter.units_at(series, 12.0) < 8.0


def test_surprise_and_the_units_that_have_it_are_inverse():
    series = _learnt(np.random.default_rng(1).normal(0, 1.0, 2000))
    assert scatter.surprise(series, scatter.units_at(series, 9.0)) == pytest.approx(9.0)


def test_one_hour_of_far_values_at_most_doubles_the_scatter_of_the_hour():
    series = _learnt(np.random.default_rng(2).normal(0, 1.0, 2400))
    before = scatter.unit(series, 0.0, at(1, 5), 0, True)
    for _ in range(60):
        scatter.learn(series, 1e6, before, True, 6.0)
    scatter.learn_hour(series, hour_of(at(1, 5), 0))
    assert scatter.unit(series, 0.0, at(2, 5), 0, True) < 2.0 * before


def test_hours_have_scatter_of_their_own():
    rng = np.random.default_rng(3)
    amounts = np.concatenate([np.abs(rng.normal(0, 1.0 if hour < 12 else 8.0, 10)) for hour in range(24)] * 6)
    series = fresh()
    for number, amount in enumerate(amounts):
        hour = number // 10
        if number % 10 == 0 and number:
            scatter.learn_hour(series, hour_of(at(0, hour - 1), 0))
        scatter.learn(series, amount, scatter.unit(series, 0.0, at(0, hour), 0, True), True, 6.0)
    assert scatter.unit(series, 0.0, at(6, 3), 0, True) < 0.4 * scatter.unit(series, 0.0, at(6, 15), 0, True)


def test_scatter_that_grows_at_all_hours_is_believed_within_a_day():
    series = _learnt(np.random.default_rng(4).normal(0, 1.0, 2400))
    before = scatter.unit(series, 0.0, at(1), 0, True)
    for _ in range(288):
        scatter.learn_recent(series, 2.0, scatter.unit(series, 0.0, at(1), 0, True), 1 / 288)
    assert scatter.unit(series, 0.0, at(1), 0, True) > 1.5 * before


@pytest.mark.parametrize(
    ("rows", "moves", "least", "most"),
    [
        pytest.param(100, 0, 0.0, 9.5, id="a hundred equal rows tell little"),
        pytest.param(5000, 0, 15.0, 18.0, id="days of them tell enough"),
        pytest.param(5000, 5000, 30.0, 40.0, id="rows that all move tell more"),
        pytest.param(300, 12, 0.0, 11.0, id="a few moves tell of few"),
    ],
)
def test_rows_tell_of_no_chance_smaller_than_they_can_know(rows, moves, least, most):
    series = fresh()
    series["scatter_n"], series["scatter_moves"], series["scatter_moving"] = rows, moves, moves / rows
    assert least <= scatter.limit(series) <= most


def test_what_never_moved_has_a_unit_of_its_level_and_what_moves_has_none():
    still, moving = fresh(), fresh()
    moving["scatter_moving"] = 1.0
    assert scatter.unit(still, 500.0, at(0), 0, True) == pytest.approx(1.5)
    assert scatter.unit(moving, 1e6, at(0), 0, True) < 0.01


def test_a_step_counts_for_series_that_move_in_steps_only():
    series = fresh()
    for _ in range(50):
        scatter.learn_move(series, 0.0)
    assert scatter.step(series) == 0.0
    scatter.learn_move(series, 2.0)
    assert scatter.step(series) == 2.0


def test_what_a_new_level_adds_fades_within_days():
    series = fresh()
    series["scatter_caution"] = 4.0
    scatter.fade(series, 2.0)
    assert series["scatter_caution"] == pytest.approx(4.0 * math.exp(-2.0))
