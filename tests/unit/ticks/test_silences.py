"""An entity that stops is told, and what was open about it is closed."""

import numpy as np

from models.reasons import AlertState
from models.records import SampleColumns
from tests.unit.streams import RULE, SECOND_NS, START_NS, make, noise, pieces, series, table

QUIET_S = 70
"""Lateness of 60 s and ten intervals of a second."""


def _stream():
    """Instance b stops in the middle of an incident at 300 s and comes back at 500 s; instance a goes on."""
    b = noise(600, 1)
    b[290:300] += 30
    b[300:500] = np.nan
    return table({series("cpu", "a"): noise(600, 0), series("cpu", "b"): b})


def _told(folds):
    return [
        (s.entity, s.state, (s.since_ns - START_NS) // SECOND_NS, (s.at_ns - START_NS) // SECOND_NS)
        for fold in folds
        for s in fold.silences
    ]


EXPECTED = [
    ("shop/b", AlertState.FIRING, 299, 299 + QUIET_S),
    ("shop/b", AlertState.RESOLVED, 299, 500),
]


def test_silence_and_return_are_told_once_whatever_the_split():
    for size in (1, 7, 5000):
        pipeline = make()
        assert _told([pipeline.fold(piece) for piece in pieces(_stream(), size)]) == EXPECTED


def test_an_open_episode_ends_when_its_entity_falls_silent():
    folded = make().fold(_stream())
    opened, closed = [e for e in folded.episodes if e.entity == "shop/b"]
    assert (opened.state, closed.state, opened.id) == (AlertState.FIRING, AlertState.RESOLVED, closed.id)
    assert (closed.at_ns - START_NS) // SECOND_NS == 299 + QUIET_S


def test_a_silence_is_no_row():
    folded = make().fold(_stream())
    assert (folded.rows.entity == 1).sum() == 400
    assert np.isfinite(folded.rows.score).all()


def test_a_backfilled_entity_is_not_silent():
    pipeline = make()
    pipeline.fold(table({series("cpu", "a"): noise(100, 0)}, first_tick=10_000))
    assert pipeline.fold(table({series("cpu", "b"): noise(3000, 1)})).silences == []


def _backfilled(*, then_live: bool) -> list[SampleColumns]:
    """Instance a is live; b tells an hour-old incident, and is live for a minute afterwards or not; a goes on."""
    a, b, hour = series("cpu", "a"), series("cpu", "b"), 3600
    past = noise(310, 1)
    past[300:] += 30
    live = [table({b: noise(60, 2)}, first_tick=hour + 100)] if then_live else []
    return [
        table({a: noise(100, 0)}, first_tick=hour),
        table({b: past}),
        *live,
        table({a: noise(400, 3)}, first_tick=hour + 100),
    ]


def test_the_end_of_a_backfill_is_no_silence_but_ends_its_episode():
    pipeline = make()
    folds = [pipeline.fold(part) for part in _backfilled(then_live=False)]
    assert _told(folds) == []
    opened, closed = [e for fold in folds for e in fold.episodes if e.entity == "shop/b"]
    assert (opened.state, closed.state) == (AlertState.FIRING, AlertState.RESOLVED)
    assert (closed.at_ns - START_NS) // SECOND_NS == 309


def test_who_was_live_after_a_backfill_and_stops_is_silent():
    pipeline = make()
    folds = [pipeline.fold(part) for part in _backfilled(then_live=True)]
    last_s = 3600 + 159
    assert _told(folds) == [("shop/b", AlertState.FIRING, last_s, last_s + QUIET_S)]


def test_a_silence_outlasts_a_restart():
    first, second = pieces(_stream(), 800)
    pipeline = make()
    pipeline.fold(first)
    restored = type(pipeline).restore(pipeline._config, pipeline.snapshot())
    assert restored._config.entity_rule == RULE
    assert _told([restored.fold(second)]) == EXPECTED[1:]
