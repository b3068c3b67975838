"""Which departures come by the clock, and which do not."""

import datetime

import pytest

from models.detectors.departure import schedule
from models.detectors.departure.profile import DAY_NS
from tests.unit.detectors.departure.weeks import at, fresh

STEP_NS = 60_000_000_000


def _seen(*moments, farthest=80.0, hours=0.7):
    series = fresh()
    for moment in moments:
        schedule.remember(series, moment, moment + int(hours * 3.6e12), farthest)
    return series


@pytest.mark.parametrize(
    ("moments", "now", "is_due"),
    [
        pytest.param([at(0, 2)], at(1, 2), False, id="one night is no schedule"),
        pytest.param([at(0, 2), at(1, 2.1)], at(2, 1.95), True, id="two nights are"),
        pytest.param([at(0, 2), at(1, 2)], at(2, 12), False, id="another hour is none"),
        pytest.param([at(0, 2), at(3, 2)], at(6, 2), False, id="every third night is none"),
        pytest.param([at(0, 2), at(2, 2)], at(3, 2), True, id="a night may be missing"),
        pytest.param([at(0, 8), at(7, 8)], at(14, 8), True, id="two Mondays are one"),
        pytest.param([at(0, 8)], at(7, 8), False, id="one Monday is none"),
        pytest.param([at(0, 8), at(0, 9), at(0, 10)], at(0, 11), True, id="three hours running are one"),
        pytest.param([at(0, 8), at(0, 9)], at(0, 10), False, id="two are none"),
    ],
)
def test_a_schedule_is_a_chain_of_departures_at_one_distance(moments, now, is_due):
    assert (schedule.due(_seen(*moments), now, True, STEP_NS)[0] > now) is is_due


def _ns(*date):
    return int(datetime.datetime(*date, tzinfo=datetime.UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("before", "now", "is_due"),
    [
        pytest.param(_ns(2026, 7, 31, 20), _ns(2026, 8, 31, 20), True, id="the last evening of a month"),
        pytest.param(_ns(2026, 1, 31, 20), _ns(2026, 2, 28, 20), True, id="of a short one"),
        pytest.param(_ns(2026, 7, 5, 20), _ns(2026, 8, 5, 20), True, id="the fifth"),
        pytest.param(_ns(2026, 7, 5, 20), _ns(2026, 8, 4, 20), False, id="the fifth and the fourth"),
        pytest.param(_ns(2026, 7, 31, 20), _ns(2026, 8, 31, 9), False, id="another hour"),
    ],
)
def test_a_month_is_told_by_its_day_and_hour(before, now, is_due):
    assert (schedule.due(_seen(before), now, True, STEP_NS)[0] > now) is is_due


def test_a_scheduled_departure_goes_the_same_way_and_not_much_farther():
    series = _seen(at(0, 2), at(1, 2))
    until_ns, allowed = schedule.due(series, at(2, 2), True, STEP_NS)
    assert allowed == pytest.approx(120.0)
    assert at(2, 3) < until_ns < at(2, 4)
    assert schedule.due(series, at(2, 2), False, STEP_NS) == (0, 0.0)


def test_only_the_newest_departures_are_remembered():
    series = _seen(*(at(day, 2) for day in range(20)))
    assert series["schedule_begin_ns"].tolist() == [at(day, 2) for day in range(19, 11, -1)]


def test_days_of_the_month_are_those_of_the_calendar():
    first = datetime.date(1970, 1, 1)
    for day in range(0, 30_000, 17):
        assert schedule.day_of_month(day) == (first + datetime.timedelta(day)).day
    assert DAY_NS == 86_400 * 10**9
