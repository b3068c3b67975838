"""The scalar rules of the score: which side of 1, what is held, what counts as a whole, and how a score is divided."""

import math

import numpy as np
import pytest

from models.fold_state import ENTITIES, SERIES
from models.scoring import score_rows
from models.scoring.episode_rules import NONE, OPENED, EpisodeRules
from models.scoring.score_rows import PROVISIONAL, TOP, WARMING_UP, ScoringRules
from models.service_model.ask import ModelOutput
from models.state.rows import Rows
from tests.unit.streams import SECOND_NS, START_NS, make, noise, series, table

RULES = ScoringRules(1.0, 300, EpisodeRules(2, 2.0, 3, 0.7, 4, 30))


@pytest.mark.parametrize(
    ("severity", "alarm", "expected"),
    [
        pytest.param(0.5, False, 0.49, id="a calm row is its severity, a little less"),
        pytest.param(2.0, False, 0.99, id="severe in general, but not for its entity: below 1"),
        pytest.param(1e9, False, 1.0, id="however severe: no farther than 1"),
        pytest.param(0.5, True, 1.0005, id="an alarm of its entity that is not severe in general: above 1"),
        pytest.param(3.0, True, 3.0, id="an alarm that is severe is its severity"),
    ],
)
def test_a_score_is_severity_on_the_side_of_one_that_the_threshold_says(severity, alarm, expected):
    assert score_rows._onset_score(severity, alarm) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("nats", "own", "expected"),
    [
        pytest.param(0.0, 18.0, 0.0, id="nothing"),
        pytest.param(3.375, 18.0, 0.375, id="a half of what holds an alarm"),
        pytest.param(6.75, 18.0, 0.75, id="three quarters of what is asked in general holds an alarm"),
        pytest.param(12.375, 18.0, 0.875, id="halfway from there to the entity's own threshold"),
        pytest.param(18.0, 18.0, 1.0, id="the entity's own threshold"),
        pytest.param(36.0, 18.0, 2.0, id="twice that"),
        pytest.param(4.5, 6.0, 0.75, id="a threshold below what is asked"),
    ],
)
def test_a_row_as_a_whole_scores_on_straight_lines_to_its_own_threshold(nats, own, expected):
    assert score_rows._model_score(nats, 9.0, own, 0.75) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param(0.0, 0.0, id="not odd at all"),
        pytest.param(9.0, 0.35, id="half of the evidence that holds an episode"),
        pytest.param(18.0, 0.7, id="as much as holds one"),
        pytest.param(36.0, 0.725, id="twice as much"),
        pytest.param(1e9, 0.75, id="all there is stays below the threshold"),
    ],
)
def test_what_is_odd_without_news_ranks_below_the_threshold(odd, expected):
    assert score_rows._held_score(odd, 0.7) == pytest.approx(expected)


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
    assert score_rows._rows_to_last(interval_s) == expected


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
    assert score_rows._median_value(rows[0], value, lasting) == pytest.approx(expected, nan_ok=True)


def test_a_row_as_a_whole_counts_as_the_least_of_the_newest():
    entity = ENTITIES.empty(1)[0]
    assert [score_rows._sustained(entity, nats, 3) for nats in (9.0, 7.0, 8.0, math.nan)] == [0.0, 0.0, 7.0, 0.0]


def test_a_level_of_surprise_is_added_as_far_as_it_exceeds_one():
    entity = ENTITIES.empty(1)[0]
    entity["score_model_mean_nats"] = 11.0
    assert score_rows._with_mean_surprise(entity, 1.0) == pytest.approx(1.0 + (11.0 - 1.0) * 0.9)
    assert math.isnan(score_rows._with_mean_surprise(entity, math.nan)), "without a model there is none"
    entity["score_level_mean_nats"] = 0.0
    assert score_rows._with_mean_evidence(entity, 5.0) == 5.0


def _one_row(values, n_series=None):
    """Tables of one entity and a row of it, with a learnt past of normal values."""
    names = [series(f"m{k}") for k in range(n_series or len(values))]
    pipeline = make()
    pipeline.fold(table({name: noise(400, k) for k, name in enumerate(names)}))
    pipeline.finish()
    tables = pipeline.state.tables
    n = len(values)
    rows = Rows(
        np.zeros(1, np.int32),
        np.array([START_NS + 400 * SECOND_NS]),
        np.array([60 * SECOND_NS]),
        np.array([0, n]),
        np.arange(n, dtype=np.int32),
        np.array(values, np.float64),
    )
    without_model = ModelOutput(np.array([np.nan]), np.zeros(n), np.zeros(1, np.int32), np.zeros(1))
    return tables, rows, without_model


def test_a_row_is_scored_with_its_causes_value_and_band():
    scores = score_rows.score_rows(*_one_row([10.0, 100.0, 10.0]), RULES)
    assert scores.score[0] > 1.0
    assert scores.cause[0].tolist()[0] == 1
    assert scores.part[0].sum() == pytest.approx(scores.score[0])
    assert scores.value[0, 0] == 100.0
    assert scores.lower[0, 0] < scores.expected[0, 0] < scores.upper[0, 0] < 100.0
    assert scores.readiness[0] == PROVISIONAL


def test_a_calm_row_names_its_first_cause_and_the_band_of_no_other():
    scores = score_rows.score_rows(*_one_row([10.0, 10.1, 9.9]), RULES)
    assert (scores.score[0] < 1.0, scores.phase[0]) == (True, NONE)
    assert np.isfinite(scores.expected[0]).tolist() == [True, False, False]


def test_a_row_without_cells_ends_what_was_open_and_has_no_score():
    tables, rows, model = _one_row([100.0, 100.0])
    assert score_rows.score_rows(tables, rows, model, RULES).phase[0] in (OPENED, NONE, 5)
    silent = rows._replace(start=np.zeros(2, np.int64), series=rows.series[:0], value=rows.value[:0])
    nothing = model._replace(share=np.zeros(0))
    scores = score_rows.score_rows(tables, silent, nothing, RULES)
    assert (scores.score[0], scores.readiness[0], scores.cause[0].tolist()) == (0.0, WARMING_UP, [-1] * TOP)


def test_scores_of_some_rows_keep_all_cells():
    scores = score_rows.score_rows(*_one_row([10.0, 10.0]), RULES)
    none = score_rows.selected_scores(scores, np.zeros(0, np.int64))
    assert (len(none.score), len(none.onset_score), len(none.drift)) == (0, 2, 2)
