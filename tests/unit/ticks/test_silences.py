"""An entity that stops is told, and what was open about it is closed."""

import numpy as np
import pytest

from models.reasons import AlertState
from models.records import SampleColumns
from models.state.rows import Rows
from models.state.tables import EntityName
from models.ticks.silences import Silences, is_replaced
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
    restored = type(pipeline).restore(pipeline.config, pipeline.snapshot())
    assert restored.config.entity_rule == RULE
    assert _told([restored.fold(second)]) == EXPECTED[1:]


def _rows(*entries):
    """Rows of entity 0: (second, number of cells)."""
    start = np.concatenate(([0], np.cumsum([cells for _, cells in entries]))).astype(np.int64)
    return Rows(
        np.zeros(len(entries), np.int32),
        np.array([second * SECOND_NS for second, _ in entries]),
        np.full(len(entries), SECOND_NS),
        start,
        np.zeros(start[-1], np.int32),
        np.zeros(start[-1]),
    )


def _advance(silences, rows, newest_s):
    names, newest_ns = [EntityName("shop", "shop/a")], np.array([newest_s * SECOND_NS])
    found = silences.advance(names, rows, newest_ns, np.zeros(1, np.int64), 60 * SECOND_NS)
    return [(s.state, s.since_ns // SECOND_NS, s.at_ns // SECOND_NS) for s in found]


FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
ADVANCES = [
    pytest.param([(161, 0)], 100, [(FIRING, 100, 161)], id="silent since its newest row"),
    pytest.param([(159, 0)], 100, [], id="shorter than the lateness is no silence"),
    pytest.param([(161, 0)], 0, [], id="an entity without a row cannot fall silent"),
    pytest.param([(110, 1), (175, 0)], 100, [(FIRING, 110, 175)], id="rows of the same batch count"),
    pytest.param(
        [(161, 0), (300, 1), (301, 1)],
        100,
        [(FIRING, 100, 161), (RESOLVED, 100, 300)],
        id="over with the first row, once",
    ),
]


@pytest.mark.parametrize(("entries", "newest_s", "expected"), ADVANCES)
def test_what_rows_lead_to(entries, newest_s, expected):
    assert _advance(Silences(), _rows(*entries), newest_s) == expected


def test_silences_go_on_from_their_plain_values():
    first, restored = Silences(), Silences()
    _advance(first, _rows((161, 0)), 100)
    restored.load(first.to_plain())
    assert restored.to_plain() == {0: 100 * SECOND_NS}
    assert _advance(restored, _rows((300, 1)), 100) == [(RESOLVED, 100, 300)]


@pytest.mark.parametrize(
    ("newest_s", "first_s", "expected"),
    [
        pytest.param([100, 100, 400, 400], [0, 0, 130, 130], True, id="two pods after two others"),
        pytest.param([100, 100, 400], [0, 0, 130], False, id="one pod after two"),
        pytest.param([100, 400], [0, 0], False, id="the other was there before"),
        pytest.param([100, 400, 400], [0, 0, 130], True, id="one of two is replaced"),
        pytest.param([100], [0], False, id="nobody else"),
    ],
)
def test_an_instance_is_replaced_where_its_service_has_as_many_as_before(newest_s, first_s, expected):
    names = [EntityName("shop", f"shop/{number}") for number in range(len(newest_s))]
    newest, first = np.array(newest_s) * SECOND_NS, np.array(first_s) * SECOND_NS
    assert is_replaced(0, names, newest, first, 60 * SECOND_NS) is expected


def test_an_instance_of_another_service_replaces_nobody():
    names = [EntityName("shop", "shop/a"), EntityName("cart", "cart/b")]
    newest, first = np.array([100, 400]) * SECOND_NS, np.array([0, 130]) * SECOND_NS
    assert not is_replaced(0, names, newest, first, 60 * SECOND_NS)
