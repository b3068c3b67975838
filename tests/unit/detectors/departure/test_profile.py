"""What is usual at an hour of the week, and how incidents, growth and clocks leave it."""

import math

import pytest

from models.detectors.departure import profile
from tests.unit.detectors.departure.weeks import at, fresh


def _value(day, hour):
    """Ten at night, fifty from nine to five; ten all weekend."""
    return 50.0 if 9 <= hour < 17 and day % 7 < 5 else 10.0


def _lived(days, value=_value, away=lambda day, hour: False):
    series = fresh()
    profile.begin(series, value(0, 0), at(0))
    for day in range(days):
        for hour in range(24):
            profile.learn(series, value(day, hour), 0.0, at(day, hour), away(day, hour))
    return series


def test_an_hour_that_has_not_been_lived_is_unknown():
    series = _lived(1)
    assert math.isnan(profile.usual(fresh(), at(0), 0).low)
    assert profile.usual(series, at(1, 12.5), 0).line == pytest.approx(50.0)


def test_weekends_are_weekdays_until_one_was_lived():
    assert profile.usual(_lived(5), at(5, 12.5), 0).line == pytest.approx(50.0)
    series = _lived(7)
    assert profile.usual(series, at(12, 12.5), 0).line == pytest.approx(10.0)
    assert profile.usual(series, at(7, 12.5), 0).line == pytest.approx(50.0)


def test_an_hour_of_the_week_counts_from_its_second_week_on():
    def mondays(day, hour):
        return 90.0 if day % 7 == 0 and hour == 12 else _value(day, hour)

    assert profile.usual(_lived(7, mondays), at(14, 12.5), 0).line < 75.0
    assert profile.usual(_lived(15, mondays), at(21, 12.5), 0).line == pytest.approx(90.0)
    assert profile.usual(_lived(15, mondays), at(22, 12.5), 0).line == pytest.approx(50.0)


def test_all_between_two_hours_is_usual_near_the_end_of_one():
    usual = profile.usual(_lived(3), at(3, 8.9), 0)
    assert usual.low <= 10.0
    assert usual.high > usual.line == pytest.approx(10.0 + 40.0 * 0.4)
    assert usual.hour == pytest.approx(10.0)


def test_an_hour_in_an_incident_teaches_nothing_until_the_third_day_running():
    def broken(day, hour):
        return 0.0 if day >= 2 and hour == 12 else _value(day, hour)

    def away(day, hour):
        return day >= 2 and hour == 12

    assert profile.usual(_lived(4, broken, away), at(7, 12.5), 0).line == pytest.approx(50.0)
    assert profile.usual(_lived(5, broken, away), at(7, 12.5), 0).line == pytest.approx(0.0)


def test_a_clock_that_goes_an_hour_ahead_is_a_turn_of_the_profile():
    series = _lived(3)
    assert profile.usual(series, at(3, 8.5), 1).line == pytest.approx(50.0)
    assert profile.usual(series, at(3, 9.5), -1).line == pytest.approx(10.0)


def test_even_growth_is_followed_without_lag():
    series = fresh()
    profile.begin(series, 0.0, at(0))
    for hour in range(24 * 40):
        value = hour / 24.0
        usual = profile.usual(series, at(0, hour + 0.5), 0)
        residual = 0.0 if math.isnan(usual.line) else value - usual.line
        profile.learn(series, value, residual, at(0, hour + 0.5), False)
    assert profile.usual(series, at(40, 0.5), 0).line == pytest.approx(40.0, abs=0.5)


def test_the_range_of_the_shape_is_that_of_its_hours():
    assert profile.shape_range(_lived(3)) == pytest.approx(40.0)
    assert profile.shape_range(fresh()) == 0.0
