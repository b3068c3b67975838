"""What a model has to say of an entity before it is an alarm: its own past, and where that ends."""

import numpy as np
import pytest

from models.scoring import entity_calibration as own_level
from models.state.tables import ENTITY

ASKED = 9.2  # nats: one minute in a week


def _entity():
    return np.zeros(1, ENTITY)[0]


def _lived(nats):
    """An entity of which the model has said this."""
    table = np.zeros(1, ENTITY)
    for one in nats:
        own_level.learn(table[0], float(one))
    return table[0]


def test_a_model_that_means_what_it_says_alarms_near_what_is_asked():
    honest = _lived(np.random.default_rng(1).exponential(1.0, 20_000))
    assert own_level.reach(honest, ASKED, 0.0) == pytest.approx(ASKED, rel=0.15)


def test_a_model_that_always_exaggerates_has_to_exaggerate_more():
    loud = _lived(1.6 * np.random.default_rng(1).exponential(1.0, 20_000))
    assert own_level.reach(loud, ASKED, 0.0) == pytest.approx(1.6 * ASKED, rel=0.15)


def test_a_calm_past_does_not_lower_what_is_asked():
    assert own_level.reach(_lived(np.full(5_000, 0.2)), ASKED, 0.0) == ASKED


def test_an_entity_with_faults_every_day_stays_audible():
    nats = np.random.default_rng(1).exponential(1.0, 20_000)
    nats[::15] = 60.0
    assert own_level.reach(_lived(nats), ASKED, 0.0) == own_level.LIMIT


def test_alarms_move_the_limit_as_far_as_the_threshold():
    table = np.zeros(1, ENTITY)
    table[0]["offset"] = 2.0
    for one in [1.0] * 100 + [60.0] * 20 + [1.0] * 100:
        own_level.learn(table[0], one)
    assert own_level.reach(table[0], ASKED + 2.0, 0.0) == own_level.LIMIT + 2.0
    table[0]["offset"] = -2.0
    assert own_level.reach(table[0], ASKED - 2.0, 0.0) == own_level.LIMIT


def test_the_limit_is_farther_the_less_of_a_day_the_model_knows():
    nats = np.random.default_rng(1).exponential(1.0, 20_000)
    nats[::15] = 60.0
    reaches = [own_level.reach(_lived(nats), ASKED, youth) for youth in (0.0, 0.25, 0.5, 1.0)]
    assert reaches == sorted(reaches)
    assert reaches[2] == pytest.approx(4 * own_level.LIMIT)
    assert reaches[3] > 60.0


def test_without_a_past_more_is_asked_than_by_one_that_is_as_probable_as_it_says():
    assert ASKED < own_level.reach(_entity(), ASKED, 1.0) < 2.5 * ASKED


def test_a_threshold_above_the_limit_counts():
    assert own_level.reach(_entity(), own_level.LIMIT + 5.0, 0.0) == own_level.LIMIT + 5.0
