"""One episode an incident: it opens for a reason, is held over gaps, and ends once."""

import pytest

from models.fold_state import ENTITIES
from models.scoring.episode_rules import (
    BEGUN,
    CLOSED,
    FADED,
    GOING_ON,
    NONE,
    OPENED,
    PASSED,
    PENDING,
    EpisodeRules,
    advance,
    fall_silent,
)

RULES = EpisodeRules(min_rows=2, at_once=2.0, gap_rows=3, hold_score=0.7, close_rows=4, ready_rows=30)


def phases(scores, n=1000.0, uncertain=0):
    """Of so many scores the alert layer is not certain."""
    entity = ENTITIES.empty(1)
    entity["threshold_n"] = n
    return [advance(entity[0], score, tick >= uncertain, tick, RULES) for tick, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param([0.2, 0.9, 0.1], [NONE] * 3, id="below the threshold nothing happens"),
        pytest.param([1.2, 1.3, 1.1], [PENDING, OPENED, GOING_ON], id="the second anomalous row opens"),
        pytest.param([2.5], [OPENED], id="a row far above opens at once"),
        pytest.param([1.2, 0, 0, 0, 0, 0], [PENDING, PENDING, PENDING, PENDING, FADED, NONE], id="one row fades"),
        pytest.param([1.2, 0, 1.1], [PENDING, PENDING, OPENED], id="a gap does not start over"),
        pytest.param(
            [2.5, 0.8, 0.8, 0.8, 0.8, 0.8], [OPENED] + [GOING_ON] * 5, id="between hold and threshold it is held"
        ),
        pytest.param(
            [2.5, 0, 0, 0, 1.5, 0, 0, 0, 0], [OPENED] + [GOING_ON] * 7 + [CLOSED], id="a pause does not end it"
        ),
    ],
)
def test_phases(scores, expected):
    assert phases(scores) == expected


@pytest.mark.parametrize(
    ("scores", "uncertain", "expected"),
    [
        pytest.param([2.5, 2.5, 2.5], 2, [BEGUN, GOING_ON, OPENED], id="certain once it lasts"),
        pytest.param([2.5, 0.8, 0.8], 1, [BEGUN, GOING_ON, GOING_ON], id="no alert for what is only held"),
        pytest.param([2.5, 0, 0, 0, 0, 0], 1, [BEGUN, *[GOING_ON] * 3, PASSED, NONE], id="over before it was certain"),
        pytest.param([2.5, 2.5, 0, 0, 0, 0], 1, [BEGUN, OPENED, *[GOING_ON] * 3, CLOSED], id="its end is told then"),
        pytest.param([1.2, 1.3, 1.1], 1, [PENDING, OPENED, GOING_ON], id="certain when it opens"),
    ],
)
def test_an_episode_that_is_not_certain_waits_with_its_alert(scores, uncertain, expected):
    assert phases(scores, uncertain=uncertain) == expected


@pytest.mark.parametrize(("certain", "expected"), [(True, CLOSED), (False, PASSED)])
def test_silence_ends_an_episode_as_rows_do(certain, expected):
    entity = ENTITIES.empty(1)
    entity["threshold_n"] = 100
    advance(entity[0], 2.5, certain, 0, RULES)
    assert fall_silent(entity[0]) == expected
    assert fall_silent(entity[0]) == NONE


def test_an_entity_that_is_too_young_opens_nothing():
    assert OPENED not in phases([5.0] * 10, n=12.0)


def test_the_start_is_the_first_anomalous_row():
    entity = ENTITIES.empty(1)
    entity["threshold_n"] = 100
    for tick, score in enumerate([0.0, 1.5, 0.0, 1.5]):
        advance(entity[0], score, True, tick, RULES)
    assert entity["episode_since_ns"][0] == 1
