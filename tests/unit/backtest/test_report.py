"""`report.json`: what a backtest saw, raised and found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infra.backtest.report import BacktestTotals, report
from models.labels import LabelWindow
from models.reasons import AlertDecision, AlertState
from models.state.results import Episode
from models.timestamps import DAY_NS

N = 101
TICKS = DAY_NS // 100 * np.arange(N)
"""A day."""

EPISODE = Episode(
    id="shop/a:1",
    service="shop",
    entity="shop/a",
    started_ns=int(TICKS[50]),
    ended_ns=int(TICKS[60]),
    at_ns=int(TICKS[51]),
    peak_score=3.0,
    peak_ns=int(TICKS[52]),
    cause_metric="cpu",
    causes=[],
    value=None,
    expected=None,
    expected_lower=None,
    expected_upper=None,
    model_version="",
    state=AlertState.RESOLVED,
    decision=AlertDecision.RESOLVED,
)


def collected(*episodes: Episode) -> BacktestTotals:
    found = BacktestTotals(samples=2 * N, rows=N)
    found.ticks["shop/a"] = [TICKS[:40], TICKS[40:]]
    scores = np.where((np.arange(N) >= 51) & (np.arange(N) <= 60), 3.0, 0.1)
    found.scores["shop/a"] = [scores[:40], scores[40:]]
    for episode in episodes:
        found.episodes[episode.id] = episode
        found.decided_ns[episode.id] = episode.at_ns
    return found


def label(first: int, last: int, entity: str = "shop/a") -> LabelWindow:
    return LabelWindow(entity, int(TICKS[first]), int(TICKS[last]))


def test_without_labels_there_are_counts_only() -> None:
    assert report(collected(EPISODE), None, {}, 1.23456) == {
        "samples": 202,
        "rows": 101,
        "entities": 1,
        "seconds": 1.235,
        "alerts": 1,
        "alerts_per_entity_day": 1.0,
    }


def test_against_labels_a_perfect_run_is_perfect() -> None:
    figures = report(collected(EPISODE), [label(51, 60)], {}, 0.0)
    assert {name: figures[name] for name in ("pr_auc", "event_recall", "event_precision", "median_delay_s")} == {
        "pr_auc": 1.0,
        "event_recall": 1.0,
        "event_precision": 1.0,
        "median_delay_s": 0.0,
    }
    assert (figures["labelled_windows"], figures["labels_without_rows"]) == (1, 0)


@pytest.mark.parametrize(
    ("labels", "recall", "precision", "known"),
    [
        pytest.param([label(10, 20)], 0.0, 0.0, 1, id="an alert elsewhere"),
        pytest.param([label(51, 60), label(80, 90)], 0.5, 1.0, 2, id="one of two found"),
        pytest.param([label(51, 60), label(51, 60, "shop/other")], 1.0, 1.0, 1, id="one of an entity without rows"),
    ],
)
def test_what_was_found_of_what_is_known(
    labels: list[LabelWindow], recall: float, precision: float, known: int
) -> None:
    figures = report(collected(EPISODE), labels, {}, 0.0)
    assert (figures["event_recall"], figures["event_precision"], figures["labelled_windows"]) == (
        recall,
        precision,
        known,
    )


def test_what_came_before_the_judged_part_does_not_count() -> None:
    figures = report(collected(EPISODE), [], {"shop/a": int(TICKS[70])}, 0.0)
    assert (figures["alerts"], figures["vus_pr"]) == (0, None)


def test_an_episode_that_goes_on_lasts_to_the_end() -> None:
    going_on = replace(EPISODE, ended_ns=None, state=AlertState.FIRING)
    figures = report(collected(going_on), [label(95, 100)], {}, 0.0)
    assert figures["event_recall"] == 1.0
