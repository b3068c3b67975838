"""The scorer of labelled runs, against values of the metric's authors' own code and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.metrics import average_precision, score_events, segments, vus_pr
from models.labels import LabelWindow


def _seeded(trial: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    for current in range(trial + 1):
        labels = np.zeros(3000, dtype=bool)
        for start in rng.integers(10, 2800, 5):
            labels[start : start + rng.integers(1, 80)] = True
        scores = rng.random(3000) + labels * rng.random() * 0.7
        if current == 3:
            scores = np.round(scores, 1)
    return labels, scores


@pytest.mark.parametrize(
    ("trial", "published"),
    [
        pytest.param(0, 0.6017355576063436, id="well separated scores"),
        pytest.param(1, 0.4886036891036203, id="overlapping scores"),
        pytest.param(2, 0.38013268858124305, id="hardly better than chance"),
        pytest.param(3, 0.5491564235355756, id="scores with many ties"),
    ],
)
def test_vus_pr_equals_the_authors_implementation(trial: int, published: float) -> None:
    assert vus_pr(*_seeded(trial)) == pytest.approx(published, abs=1e-12)


def test_a_perfect_score_has_average_precision_one_and_a_random_one_the_share_of_positives() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random(20_000) < 0.1
    assert average_precision(labels, labels.astype(float)) == 1.0
    assert average_precision(labels, rng.random(20_000)) == pytest.approx(0.1, abs=0.01)


def test_tied_scores_count_as_one_step_whatever_their_order() -> None:
    labels = np.array([1, 0, 1, 0], dtype=bool)
    assert average_precision(labels, np.ones(4)) == 0.5
    assert average_precision(labels[::-1], np.ones(4)) == 0.5


def test_without_a_labelled_window_there_is_no_figure() -> None:
    none = np.zeros(10, dtype=bool)
    assert np.isnan(vus_pr(none, np.arange(10.0)))
    assert np.isnan(average_precision(none, np.arange(10.0)))


def test_segments_reach_to_both_ends() -> None:
    assert segments(np.array([1, 1, 0, 1], dtype=bool)).tolist() == [[0, 2], [3, 4]]


def test_events_count_windows_found_and_alerts_that_were_right() -> None:
    labelled = [LabelWindow("a", 100, 200), LabelWindow("a", 500, 600), LabelWindow("b", 0, 10)]
    alerted = [LabelWindow(*alert) for alert in [("a", 150, 160), ("a", 180, 190), ("a", 300, 310), ("b", 20, 30)]]
    score = score_events(labelled, alerted)
    assert score.event_recall == pytest.approx(1 / 3)
    assert score.event_precision == pytest.approx(2 / 4)
    assert score.median_delay_s == pytest.approx(50e-9)


def test_an_alert_that_began_before_the_window_has_no_delay() -> None:
    assert score_events([LabelWindow("a", 100, 200)], [LabelWindow("a", 50, 120)]).median_delay_s == 0.0
