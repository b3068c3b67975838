"""A row's way through scoring: its score, its causes with value and band, and rows that have nothing to say."""

import numpy as np
import pytest

from models.scoring import score_rows
from models.scoring.episode_rules import NONE, OPENED, EpisodeRules
from models.scoring.scores import PROVISIONAL, TOP, WARMING_UP, ScoringRules
from models.service_model.ask import ModelOutput
from models.state.rows import Rows
from tests.unit.streams import SECOND_NS, START_NS, make, noise, series, table

RULES = ScoringRules(1.0, 300, EpisodeRules(2, 2.0, 3, 0.7, 4, 30))


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
