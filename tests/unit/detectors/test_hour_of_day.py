"""What is usual at an hour of the day, and how surprising it is to be elsewhere."""

import math

import numpy as np
import pytest

from models.detectors import hour_of_day
from models.fold_state import SERIES

HOUR_NS = hour_of_day.HOUR_NS
MINUTE_NS = HOUR_NS // 60
NOON, MIDNIGHT = 12 * HOUR_NS, 24 * HOUR_NS


def _fresh():
    return SERIES.empty(1)[0]


def _lived(days, day=100.0, night=10.0):
    """A series with one level from noon to midnight and another one from midnight to noon, every ten minutes."""
    one, rng = _fresh(), np.random.default_rng(0)
    for tick_ns in range(0, days * 24 * HOUR_NS, 10 * MINUTE_NS):
        level = day if tick_ns // HOUR_NS % 24 >= 12 else night
        hour_of_day.learn(one, level + rng.normal(), tick_ns)
    return one


def test_of_an_hour_not_lived_yet_any_value_is_usual():
    assert hour_of_day.usual(_fresh(), 7.5, NOON) == 7.5


def test_usual_is_the_mean_of_the_hour_of_all_days():
    one = _fresh()
    for tick_ns, value in ((NOON, 10.0), (NOON + 59 * MINUTE_NS, 20.0), (NOON + 24 * HOUR_NS, 60.0)):
        hour_of_day.learn(one, value, tick_ns)
    assert hour_of_day.usual(one, 0.0, NOON + 48 * HOUR_NS) == 30.0
    assert hour_of_day.usual(one, 7.0, NOON + HOUR_NS) == 7.0, "the next hour has not been lived"


@pytest.mark.parametrize(
    ("value", "at_ns", "least", "most"),
    [
        pytest.param(100.0, NOON, 0.0, 2.0, id="the day's level by day"),
        pytest.param(10.0, MIDNIGHT, 0.0, 2.0, id="the night's level at night"),
        pytest.param(100.0, MIDNIGHT, 12.0, 700.0, id="the day's level at night"),
        pytest.param(10.0, NOON, 12.0, 700.0, id="the night's level by day"),
    ],
)
def test_a_value_is_judged_by_its_hour(value, at_ns, least, most):
    assert least <= hour_of_day.surprise(_lived(days=4), value, 4 * 24 * HOUR_NS + at_ns) <= most


def test_a_missing_value_is_not_surprising():
    assert hour_of_day.surprise(_lived(days=4), math.nan, NOON) == 0.0


def test_a_residual_needs_a_scale_before_it_surprises():
    one = _fresh()
    for _ in range(int(hour_of_day.WARM_ROWS)):
        hour_of_day.learn(one, 10.0, NOON)
    assert one["hour_n_residuals"] == hour_of_day.WARM_ROWS - 1, "the first value of an hour has no residual"
    assert hour_of_day.surprise(one, 1000.0, NOON) == 0.0
    hour_of_day.learn(one, 10.0, NOON)
    assert hour_of_day.surprise(one, 1000.0, NOON) > 10.0


def test_a_change_below_one_per_cent_of_what_is_usual_is_within_one_unit():
    one = _fresh()
    for _ in range(200):
        hour_of_day.learn(one, 1000.0, NOON)
    assert hour_of_day.surprise(one, 1005.0, NOON) < 2.0
    assert hour_of_day.surprise(one, 1500.0, NOON) > 10.0
