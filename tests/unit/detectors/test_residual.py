"""How far a value is from its series' levels, which changes count, and what becomes of a run of odd values."""

import math

import numpy as np
import pytest

from models.detectors import residual
from models.fold_state import SERIES


def _fresh(**fields):
    table = SERIES.empty(1)
    for name, value in fields.items():
        table[name] = value
    return table[0]


def _learn(one, values, rebaseline_rows=residual.REBASELINE_ROWS):
    for value in values:
        residual.learn(one, float(value), residual.surprise(one, float(value)), rebaseline_rows, rebaseline_rows)


def _lived(n=500, **fields):
    """A series of normal values around 100 with a deviation of 2."""
    one = _fresh(**fields)
    _learn(one, np.random.default_rng(0).normal(100.0, 2.0, n))
    return one


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        pytest.param(100.0, 0.0, 1.0, id="at the level"),
        pytest.param(103.0, 0.5, residual.OUTLYING_NATS, id="one and a half deviations"),
        pytest.param(120.0, residual.OUTLYING_NATS, 30.0, id="ten deviations"),
        pytest.param(80.0, residual.OUTLYING_NATS, 30.0, id="ten deviations below"),
        pytest.param(1e9, 4.0 * math.log(501.0), 4.0 * math.log(501.0), id="500 rows cannot tell any probability"),
    ],
)
def test_surprise_grows_with_the_distance_to_the_levels(value, least, most):
    assert least <= residual.surprise(_lived(), value) <= most


@pytest.mark.parametrize(
    ("fields", "value", "expected"),
    [
        pytest.param({}, 90.0, True, id="without a rule any change counts"),
        pytest.param({"rule_direction": 1}, 110.0, True, id="upwards where upwards counts"),
        pytest.param({"rule_direction": 1}, 90.0, False, id="downwards where upwards counts"),
        pytest.param({"rule_direction": -1}, 90.0, True, id="downwards where downwards counts"),
        pytest.param({"rule_least_effect": 15.0}, 110.0, False, id="smaller than the least effect"),
        pytest.param({"rule_least_effect": 15.0}, 120.0, True, id="larger than the least effect"),
        pytest.param({"rule_least_effect_ratio": 0.2}, 115.0, False, id="smaller than the least share of the level"),
        pytest.param(
            {"rule_least_effect": 1.0, "rule_least_effect_ratio": 0.2}, 130.0, True, id="a change that reaches both"
        ),
        pytest.param({"rule_direction": 1}, math.nan, True, id="a missing value has no direction"),
    ],
)
def test_which_changes_count(fields, value, expected):
    assert residual.is_of_interest(_lived(**fields), value) is expected


def test_the_least_effect_is_the_larger_of_the_absolute_one_and_that_of_the_level():
    assert residual.least_effect(_lived(rule_least_effect=50.0)) == 50.0
    assert residual.least_effect(_lived(rule_least_effect_ratio=0.5)) == pytest.approx(50.0, abs=1.0)


def test_a_series_of_three_rows_has_no_level_to_be_far_from():
    one = _fresh()
    _learn(one, [1.0, 1.0])
    assert residual.surprise(one, 1000.0) == 0.0


def test_silence_of_a_regular_series_surprises_more_row_by_row():
    one = _lived()
    nats = []
    for _ in range(3):
        nats.append(residual.surprise(one, math.nan))
        residual.learn(one, math.nan, nats[-1], 300, 300)
    assert nats[0] >= 3.0
    assert nats == sorted(nats)
    assert residual.surprise(_fresh(residual_n=500.0, residual_presence_ratio=0.5), math.nan) == 0.0, (
        "of an irregular one it does not"
    )


def test_odd_values_move_a_level_by_next_to_nothing():
    one = _lived()
    before = float(one["residual_level"][1])
    _learn(one, [200.0] * 30)
    assert float(one["residual_level"][1]) == pytest.approx(before, abs=0.2)


def test_a_run_that_lasts_is_the_new_normal():
    one = _lived()
    _learn(one, [200.0] * 100, rebaseline_rows=100)
    assert one["residual_level"].tolist() == pytest.approx([200.0, 200.0])
    assert residual.surprise(one, 200.0) == 0.0


def test_a_run_that_is_over_extends_the_range_by_half():
    one = _lived()
    high = float(one["residual_high"])
    _learn(one, [200.0] * 10 + [100.0] * 30)
    assert float(one["residual_high"]) == pytest.approx(high + 0.5 * (200.0 - high), abs=3.0)
