"""When a new model is asked for, why, and with which id."""

import numpy as np
import pytest

from models.reasons import RetrainReason
from models.state.results import Drift
from models.training.triggers import NewRows, RetrainRules, ServiceRecord, changed_ns, model_changed, retrain_requests

OLD_S = 13_000
"""More than a seventh of the day that champions here have learnt from."""

RULES = RetrainRules(min_rows=100, stale_after_s=OLD_S)
S = 1_000_000_000


def _rows(first, n, unknown=(), drifts=()):
    flags = np.zeros(n, np.int32)
    flags[list(unknown)] = 1
    return NewRows(np.arange(first, first + n, dtype=np.int64) * S, flags, list(drifts))


def _drift(at_s, window=50):
    return Drift("shop/a:cpu:1", "shop", "shop/a", "cpu", "ADWIN", 3.0, window, at_s * S, (at_s - window) * S)


def _served(trained_to_s=0, learnt_s=86_400):
    record = ServiceRecord()
    model_changed(record, "4", trained_to_s * S, learnt_s * S)
    return record


def _asked(record, *parts, rules=RULES):
    return [request for part in parts for _, request in retrain_requests(record, "shop", part, rules)]


def test_without_a_champion_a_model_is_asked_for_whenever_rows_have_doubled():
    found = _asked(ServiceRecord(), _rows(0, 450))
    assert [(w.reason, w.evidence, w.at_ns // S) for w in found] == [
        (RetrainReason.COLD_START, {"rows": 100}, 99),
        (RetrainReason.COLD_START, {"rows": 200}, 199),
        (RetrainReason.COLD_START, {"rows": 400}, 399),
    ]
    assert len({w.id for w in found}) == 3


ROWS = 1400


@pytest.mark.parametrize("size", [1, 7, 64])
def test_requests_do_not_depend_on_batches(size):
    def played(step):
        record = _served(trained_to_s=1000 - OLD_S)
        drift = _drift(430)
        found = []
        for a in range(0, ROWS, step):
            n = min(step, ROWS - a)
            inside = [(430 - a, drift)] if a <= 430 < a + n else []
            found += _asked(record, _rows(a, n, [k - a for k in range(600, 700) if a <= k < a + n], inside))
        return found

    assert sorted(played(size), key=lambda w: w.id) == sorted(played(ROWS), key=lambda w: w.id)
    assert {w.reason for w in played(ROWS)} == {
        RetrainReason.DRIFT,
        RetrainReason.FEATURES_CHANGED,
        RetrainReason.STALE,
    }


def test_a_drift_is_asked_about_when_the_new_regime_has_rows_to_learn_from():
    (request,) = _asked(_served(), _rows(0, 300, drifts=[(200, _drift(200, window=10))]))
    assert request.reason is RetrainReason.DRIFT
    # the regime began 10 rows before; a quarter of min_rows is 25
    assert request.at_ns == 214 * S
    assert changed_ns(request.evidence) == 190 * S


def test_a_drift_that_the_champion_has_been_trained_on_is_not_asked_about():
    assert _asked(_served(trained_to_s=250), _rows(0, 300, drifts=[(200, _drift(200))])) == []


def test_features_that_the_champion_does_not_know_are_asked_about_once():
    (request,) = _asked(_served(), _rows(0, 100, unknown=range(50, 100)), _rows(100, 100, unknown=range(100)))
    assert (request.reason, request.at_ns, changed_ns(request.evidence)) == (
        RetrainReason.FEATURES_CHANGED,
        74 * S,
        50 * S,
    )


def test_an_old_champion_is_asked_about_again_with_every_further_period_of_age():
    found = _asked(_served(), _rows(OLD_S - 100, 50), _rows(OLD_S - 50, 100), _rows(2 * OLD_S - 50, 2 * OLD_S + 100))
    assert [request.reason for request in found] == [RetrainReason.STALE] * 4
    assert [request.at_ns // S for request in found] == [OLD_S, 2 * OLD_S, 3 * OLD_S, 4 * OLD_S]
    assert len({request.id for request in found}) == 4


@pytest.mark.parametrize(("learnt_s", "stale_s"), [(60, 3_600), (3 * 3_600, 3 * 3_600), (16 * 3_600, 8 * 3_600)])
def test_a_young_champion_is_stale_when_there_is_twice_its_history_or_a_day_of_it(learnt_s, stale_s):
    rules = RetrainRules(min_rows=100, stale_after_s=86_400.0)
    (request,) = _asked(_served(learnt_s=learnt_s), _rows(0, stale_s + 1), rules=rules)
    assert (request.reason, request.at_ns // S) == (RetrainReason.STALE, stale_s)


@pytest.mark.parametrize(("learnt_days", "stale_days"), [(1, 1), (7, 1), (14, 2), (28, 4)])
def test_a_grown_champion_is_stale_after_a_day_and_with_a_seventh_more_history(learnt_days, stale_days):
    rules = RetrainRules(min_rows=100, stale_after_s=86_400.0)
    record, stale_s = _served(learnt_s=learnt_days * 86_400), stale_days * 86_400
    assert _asked(record, _rows(stale_s - 5, 4), rules=rules) == []
    (request,) = _asked(record, _rows(stale_s - 1, 3), rules=rules)
    assert (request.reason, request.at_ns // S) == (RetrainReason.STALE, stale_s)


def test_a_new_champion_starts_afresh():
    record = _served()
    assert len(_asked(record, _rows(OLD_S, 1))) == 1
    model_changed(record, "5", OLD_S * S, 86_400 * S)
    assert _asked(record, _rows(OLD_S + 1, 100)) == []
    assert len(_asked(record, _rows(2 * OLD_S, 1))) == 1


def test_ids_repeat_in_a_replay_and_differ_between_champions():
    first, second = _served(), _served()
    assert _asked(first, _rows(OLD_S, 1)) == _asked(second, _rows(OLD_S, 1))
    other = ServiceRecord()
    model_changed(other, "5", 0, 86_400 * S)
    assert _asked(other, _rows(OLD_S, 1))[0].id != _asked(_served(), _rows(OLD_S, 1))[0].id
