"""What a row's series show: the value that is judged, and how long it has to last."""

import math

import pytest

from models.fold_state import ENTITIES, SERIES
from models.scoring import evidence


@pytest.mark.parametrize(
    ("interval_s", "expected"),
    [
        pytest.param(1.0, 3, id="seconds have to last for three"),
        pytest.param(1.5, 2, id="a second and a half for two"),
        pytest.param(10.0, 1, id="rarer rows are enough by themselves"),
        pytest.param(0.1, 3, id="never for more than three"),
    ],
)
def test_how_many_rows_surprise_has_to_last(interval_s, expected):
    assert evidence.rows_to_last(interval_s) == expected


@pytest.mark.parametrize(
    ("newest", "value", "lasting", "expected"),
    [
        pytest.param((1.0, 1.0), 9.0, 3, 1.0, id="one odd value is none"),
        pytest.param((9.0, 1.0), 9.0, 3, 9.0, id="two of three are"),
        pytest.param((1.0, 1.0), 9.0, 1, 9.0, id="where one row is enough the value counts"),
        pytest.param((1.0, 1.0), math.nan, 3, math.nan, id="a missing value is missing"),
    ],
)
def test_the_value_that_is_judged_is_the_median_of_the_newest_three(newest, value, lasting, expected):
    rows = SERIES.empty(1)
    rows["novelty_n"], rows["score_newest_values"] = 10, newest
    assert evidence.median_value(rows[0], value, lasting) == pytest.approx(expected, nan_ok=True)


def test_a_row_as_a_whole_counts_as_the_least_of_the_newest():
    entity = ENTITIES.empty(1)[0]
    assert [evidence.sustained(entity, nats, 3) for nats in (9.0, 7.0, 8.0, math.nan)] == [0.0, 0.0, 7.0, 0.0]


def test_a_level_of_surprise_is_added_as_far_as_it_exceeds_one():
    entity = ENTITIES.empty(1)[0]
    entity["score_model_mean_nats"] = 11.0
    assert evidence.with_mean_surprise(entity, 1.0) == pytest.approx(1.0 + (11.0 - 1.0) * 0.9)
    assert math.isnan(evidence.with_mean_surprise(entity, math.nan)), "without a model there is none"
    entity["score_level_mean_nats"] = 0.0
    assert evidence.with_mean_evidence(entity, 5.0) == 5.0
