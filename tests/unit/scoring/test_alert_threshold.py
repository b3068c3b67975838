"""From the strength of an event to nats, and the threshold that keeps to the rate asked for."""

import math

import pytest

from models.fold_state import ENTITIES
from models.scoring import alert_threshold

A_MINUTE_A_WEEK = alert_threshold.alarm_probability(1.0, 60.0)
ASKED = -math.log(A_MINUTE_A_WEEK)
"""9.2 nats: one minute in a week."""


def _entity(**fields):
    table = ENTITIES.empty(1)
    for name, value in fields.items():
        table[name] = value
    return table[0]


def _live(entity, strengths, alarm=False, probability=A_MINUTE_A_WEEK):
    for strength in strengths:
        alert_threshold.learn(entity, float(strength), alarm, probability, 1.0)
        alert_threshold.count(entity, 1.0)


@pytest.mark.parametrize(
    ("asked", "interval_s", "expected"),
    [
        pytest.param(1.0, 60.0, 1 / 10_080, id="one minute of a week"),
        pytest.param(7.0, 60.0, 7 / 10_080, id="one a day"),
        pytest.param(1.0, 1.0, 1 / 10_080, id="seconds count by the minute"),
        pytest.param(1.0, 300.0, 5 / 10_080, id="one row of five minutes"),
        pytest.param(1.0, 3600.0, 5 / 10_080, id="rarer rows are judged as if they were of five minutes"),
        pytest.param(1e6, 60.0, 0.02, id="no more than one in fifty"),
        pytest.param(0.0, 60.0, 1e-8, id="no less than one in a hundred millions"),
    ],
)
def test_the_probability_of_a_false_alarm_follows_from_the_rate(asked, interval_s, expected):
    assert alert_threshold.alarm_probability(asked, interval_s) == pytest.approx(expected)


@pytest.mark.parametrize(("interval_s", "expected"), [(1.0, 1 / 60), (60.0, 1.0), (3600.0, 1.0)])
def test_a_row_is_at_most_one_unit_of_time(interval_s, expected):
    assert alert_threshold.units(interval_s) == expected


def test_an_event_is_stronger_than_the_rows_of_the_newest_blocks():
    entity = _entity()
    _live(entity, [3.0])
    assert [alert_threshold.is_event(entity, strength) for strength in (0.0, 3.0, 3.1)] == [False, False, True]
    _live(entity, [1.0] * 99)
    assert [alert_threshold.is_event(entity, strength) for strength in (1.0, 3.0)] == [False, True]


def test_a_stronger_event_is_more_surprising_and_a_longer_past_outweighs_the_general_tail():
    young = _entity(threshold_n=1000.0, threshold_units=1000.0)
    nats = [alert_threshold.surprise(young, strength, 1) for strength in (1.0, 5.0, 12.0, 30.0)]
    assert nats == sorted(nats)
    seen_often = _entity(threshold_n=1000.0, threshold_units=1000.0)
    for _ in range(50):
        _live(seen_often, [12.0] + [0.0] * 100)
    assert alert_threshold.surprise(seen_often, 12.0, 1) < alert_threshold.surprise(young, 12.0, 1) - 2.0


def test_a_young_entity_of_many_series_has_more_events_by_chance():
    entity = _entity(threshold_n=50.0, threshold_units=50.0)
    nats = [alert_threshold.surprise(entity, 20.0, n_series) for n_series in (1, 8, 38)]
    assert nats == sorted(nats, reverse=True)


@pytest.mark.parametrize(
    ("offset", "single", "joint"),
    [
        pytest.param(0.0, ASKED, ASKED, id="as asked"),
        pytest.param(2.0, ASKED + 2.0, ASKED + 2.0, id="moved up by alarms"),
        pytest.param(4.0, ASKED + 3.0, ASKED + 4.0, id="of a row as a whole a nat farther"),
        pytest.param(-20.0, 1.0, 1.0, id="never below one nat"),
    ],
)
def test_the_threshold_is_what_is_asked_moved_by_alarms(offset, single, joint):
    entity = _entity(threshold_offset_nats=offset)
    assert alert_threshold.threshold(entity, A_MINUTE_A_WEEK) == pytest.approx(single)
    assert alert_threshold.model_threshold(entity, A_MINUTE_A_WEEK) == pytest.approx(joint)


def test_a_run_of_alarms_moves_the_threshold_once_when_it_is_over():
    entity = _entity(link_n_series=1)
    _live(entity, [9.0] * 5, alarm=True)
    assert entity["threshold_offset_nats"] == 0.0
    _live(entity, [0.0] * alert_threshold.ALARM_ROWS)
    assert entity["threshold_offset_nats"] == pytest.approx(1.0, abs=0.01)
    assert entity["threshold_events"].sum() == 1.0, "its strongest row is one event of the past"


def test_a_run_that_begins_in_an_open_episode_does_not_move_it():
    entity = _entity(link_n_series=1, episode_certainty=1)
    _live(entity, [9.0], alarm=True)
    _live(entity, [0.0] * alert_threshold.ALARM_ROWS)
    assert entity["threshold_offset_nats"] <= 0.0


@pytest.mark.parametrize(("n_series", "most"), [(1, 3.0), (8, 4.0)])
def test_many_alarms_do_not_make_an_entity_deaf(n_series, most):
    entity = _entity(link_n_series=n_series)
    for _ in range(10):
        _live(entity, [9.0], alarm=True)
        _live(entity, [0.0] * alert_threshold.ALARM_ROWS)
    assert entity["threshold_offset_nats"] == pytest.approx(most, abs=0.01)


def test_the_time_in_which_one_alarm_is_allowed_takes_back_what_one_added():
    entity = _entity(threshold_offset_nats=1.0, link_n_series=1)
    _live(entity, [0.0] * round(1 / A_MINUTE_A_WEEK))
    assert entity["threshold_offset_nats"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("loudest", "expected"),
    [
        pytest.param(5.0, 5.0, id="far below the threshold it comes down to what was loudest"),
        pytest.param(8.0, ASKED, id="within two nats it stays"),
        pytest.param(0.0, ASKED, id="of complete silence nothing can be said"),
    ],
)
def test_a_silent_week_brings_the_threshold_down_to_what_it_held(loudest, expected):
    entity = _entity()
    alert_threshold.wait(entity, loudest, A_MINUTE_A_WEEK, 1.0)
    for _ in range(round(1 / A_MINUTE_A_WEEK)):
        alert_threshold.wait(entity, 0.0, A_MINUTE_A_WEEK, 1.0)
    assert alert_threshold.threshold(entity, A_MINUTE_A_WEEK) == pytest.approx(expected)
