"""What is usual at an hour of the week, and of its day as long as the week is not known."""

import math

import numpy as np
import pytest

from models.detectors import hour_of_week
from models.state.fields import Layout

HOUR_NS, DAY_NS = hour_of_week.HOUR_NS, 24 * hour_of_week.HOUR_NS
MONDAY = hour_of_week.MONDAY_NS
MONDAY_NOON, SATURDAY_NOON, SUNDAY_NOON = (MONDAY + day * DAY_NS + DAY_NS // 2 for day in (0, 5, 6))
WEEK_NS = 7 * DAY_NS


def _fresh():
    return Layout.of(hour_of_week.HourOfWeekRow).empty(1)[0]


def _lived(days, workday=100.0, weekend=20.0):
    """A series that is high from Monday to Friday but for the nights, with a value every ten minutes."""
    one, rng = _fresh(), np.random.default_rng(0)
    for tick_ns in range(MONDAY, MONDAY + days * DAY_NS, HOUR_NS // 6):
        of_the_week = (tick_ns - MONDAY) // DAY_NS % 7 < 5 and tick_ns // HOUR_NS % 24 >= 6
        level = workday if of_the_week else weekend
        hour_of_week.learn(one, level + rng.normal(), tick_ns)
    return one


def test_nothing_is_usual_before_the_hour_of_the_day_has_been_lived():
    one = _fresh()
    assert math.isnan(hour_of_week.usual(one, MONDAY))
    hour_of_week.learn(one, 5.0, MONDAY)
    assert hour_of_week.usual(one, MONDAY) == 5.0
    assert math.isnan(hour_of_week.usual(one, MONDAY + HOUR_NS))


@pytest.mark.parametrize(
    ("days", "at_ns", "expected"),
    [
        pytest.param(3, SATURDAY_NOON, 100.0, id="a Saturday not lived yet is as the other days"),
        pytest.param(28, SATURDAY_NOON + WEEK_NS * 4, 35.0, id="after four weeks a Saturday is nearly itself"),
        pytest.param(28, MONDAY_NOON + WEEK_NS * 4, 95.0, id="after four weeks a Monday is nearly itself"),
    ],
)
def test_the_hour_of_the_week_outweighs_that_of_the_day_with_time(days, at_ns, expected):
    # of four weeks the hour of the day has a mean of 77, which counts as one of five
    assert hour_of_week.usual(_lived(days), at_ns) == pytest.approx(expected, abs=5.0)


def test_a_week_day_s_value_surprises_on_a_sunday_only():
    one = _lived(days=28)
    on_monday, on_sunday = (hour_of_week.score(one, 100.0, day + 4 * WEEK_NS) for day in (MONDAY_NOON, SUNDAY_NOON))
    assert on_monday < on_sunday


def test_an_hour_of_the_week_is_learnt_when_it_is_over():
    one = _lived(days=2)
    hour = 48 % 168
    assert one["week_hours"][hour] == 0
    hour_of_week.learn(one, 100.0, MONDAY + 2 * DAY_NS)
    assert one["week_hours"][hour] == 0
    hour_of_week.learn(one, 100.0, MONDAY + 2 * DAY_NS + HOUR_NS)
    assert one["week_hours"][hour] == 1


def test_a_missing_value_is_neither_scored_nor_learnt():
    one = _lived(days=2)
    before = one.tobytes()
    assert hour_of_week.score(one, math.nan, MONDAY) == 0.0
    hour_of_week.learn(one, math.nan, MONDAY)
    assert one.tobytes() == before
