"""What a model has to say of an entity before it is an alarm: its own past, and where that ends."""

import numpy as np
import pytest

from models.fold_state import ENTITIES
from models.scoring import entity_calibration

ASKED = 9.2  # nats: one minute in a week


def _entity():
    return ENTITIES.empty(1)[0]


def _lived(nats):
    """An entity of which the model has said this."""
    table = ENTITIES.empty(1)
    for surprise_nats in nats:
        entity_calibration.learn(table[0], float(surprise_nats))
    return table[0]


def test_a_model_that_means_what_it_says_alarms_near_what_is_asked():
    honest = _lived(np.random.default_rng(1).exponential(1.0, 20_000))
    assert entity_calibration.entity_threshold(honest, ASKED, 0.0) == pytest.approx(ASKED, rel=0.15)


def test_a_model_that_always_exaggerates_has_to_exaggerate_more():
    loud = _lived(1.6 * np.random.default_rng(1).exponential(1.0, 20_000))
    assert entity_calibration.entity_threshold(loud, ASKED, 0.0) == pytest.approx(1.6 * ASKED, rel=0.15)


def test_a_calm_past_does_not_lower_what_is_asked():
    assert entity_calibration.entity_threshold(_lived(np.full(5_000, 0.2)), ASKED, 0.0) == ASKED


def test_an_entity_with_faults_every_day_stays_audible():
    nats = np.random.default_rng(1).exponential(1.0, 20_000)
    nats[::15] = 60.0
    assert entity_calibration.entity_threshold(_lived(nats), ASKED, 0.0) == entity_calibration.LIMIT


def test_alarms_move_the_limit_as_far_as_the_threshold():
    table = ENTITIES.empty(1)
    table[0]["threshold_offset_nats"] = 2.0
    for surprise_nats in [1.0] * 100 + [60.0] * 20 + [1.0] * 100:
        entity_calibration.learn(table[0], surprise_nats)
    assert entity_calibration.entity_threshold(table[0], ASKED + 2.0, 0.0) == entity_calibration.LIMIT + 2.0
    table[0]["threshold_offset_nats"] = -2.0
    assert entity_calibration.entity_threshold(table[0], ASKED - 2.0, 0.0) == entity_calibration.LIMIT


def test_the_limit_is_farther_the_less_of_a_day_the_model_knows():
    nats = np.random.default_rng(1).exponential(1.0, 20_000)
    nats[::15] = 60.0
    thresholds = [entity_calibration.entity_threshold(_lived(nats), ASKED, youth) for youth in (0.0, 0.25, 0.5, 1.0)]
    assert thresholds == sorted(thresholds)
    assert thresholds[2] == pytest.approx(4 * entity_calibration.LIMIT)
    assert thresholds[3] > 60.0


def test_without_a_past_more_is_asked_than_by_one_that_is_as_probable_as_it_says():
    assert ASKED < entity_calibration.entity_threshold(_entity(), ASKED, 1.0) < 2.5 * ASKED


def test_a_threshold_above_the_limit_counts():
    assert (
        entity_calibration.entity_threshold(_entity(), entity_calibration.LIMIT + 5.0, 0.0)
        == entity_calibration.LIMIT + 5.0
    )
