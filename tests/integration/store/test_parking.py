"""What PostgreSQL refuses for the data's sake is parked, row by row, and everything else of the transaction holds."""

from __future__ import annotations

import dataclasses
import json
import random

import numpy as np
import psycopg2
import pytest

from infra.store import outbox
from infra.store.database import Database
from infra.store.progress import Fenced
from infra.store.watch import Effects, commit
from models.errors import Unavailable
from models.names import Topic
from models.state.results import Drift, SloCounts

MINUTE_S = 1_763_632_800


def drift(key: str) -> Drift:
    return Drift(key, "s", "s/i", "m", "ADWIN", 1.0, 1, MINUTE_S * 10**9, MINUTE_S * 10**9)


def incompressible(n: int, seed: int = 1) -> str:
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=n))


def slos(database: Database, n: int) -> list[int]:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO slo (name, service, target_ratio, document)"
            " SELECT 'slo-' || n, 's', 0.9, '{}' FROM generate_series(1, %s) AS n RETURNING id",
            (n,),
        )
        return [row[0] for row in cursor.fetchall()]


def effects(expected: int | None, drifts: list[Drift], counts: list[tuple[int, float]] = ()) -> Effects:  # type: ignore[assignment]
    return Effects(
        topic="samples",
        partition=0,
        expected=expected,
        next_offset=(expected or 0) + 10,
        source_high={"metrics:0": 9},
        slo_counts=SloCounts(
            np.array([slo for slo, _ in counts], np.int32),
            np.full(len(counts), MINUTE_S, np.int64),
            np.array([total for _, total in counts], np.float64),
            np.array([total for _, total in counts], np.float64),
        ),
        drifts=drifts,
    )


def stored(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.transaction() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def letters(database: Database) -> list[dict[str, object]]:
    with database.transaction() as cursor:
        events = outbox.pending(cursor, 1000)
    assert {event.topic for event in events} <= {Topic.DEAD_LETTER}
    return [json.loads(event.value) for event in events]


def test_rows_too_long_for_an_index_are_parked_and_their_neighbours_stored(database: Database) -> None:
    long = [incompressible(3_300, seed) for seed in (1, 2)]
    keys = [f"key-{n}" for n in range(100)]
    parked = commit(
        database,
        effects(None, [drift(key) for key in (*keys[:30], long[0], *keys[30:31], long[1], *keys[31:])]),
        repeated=False,
    )
    assert [(one.what, one.error.reason.value) for one in parked] == [("drift", "unstorable")] * 2
    assert {row for (row,) in stored(database, "SELECT id FROM drift")} == set(keys)
    assert stored(database, "SELECT next_offset FROM progress") == [(10,)]
    first, second = letters(database)
    assert (first["parked"], first["reason"], first["topic"], first["partition"]) == (
        "drift",
        "unstorable",
        "samples",
        0,
    )
    assert (first["from_offset"], first["to_offset"]) == (None, 10)
    assert "54000" in str(first["detail"])
    assert long[0] in str(first["row"])
    assert long[1] in str(second["row"])


def test_a_sum_that_overflows_is_parked_and_other_slos_are_counted(database: Database) -> None:
    bad, good = slos(database, 2)
    commit(database, effects(None, [], [(bad, 1.7e308), (good, 1.0)]), repeated=False)
    parked = commit(database, effects(10, [], [(bad, 1.7e308), (good, 1.0)]), repeated=False)
    assert [one.what for one in parked] == ["slo-counts"]
    assert stored(database, "SELECT slo_id, total FROM slo_minute ORDER BY slo_id") == [(bad, 1.7e308), (good, 2.0)]
    assert stored(database, "SELECT slo_id, total FROM slo_day ORDER BY slo_id") == [(bad, 1.7e308), (good, 2.0)]


def test_a_count_that_is_not_finite_is_parked(database: Database) -> None:
    bad, good = slos(database, 2)
    parked = commit(database, effects(None, [], [(bad, np.inf), (good, 1.0)]), repeated=False)
    assert [one.what for one in parked] == ["slo-counts"]
    assert stored(database, "SELECT slo_id, total FROM slo_minute") == [(good, 1.0)]


def test_a_commit_of_unknown_outcome_parks_nothing_twice(database: Database) -> None:
    bad = effects(None, [drift(incompressible(3_300)), drift("good")])
    commit(database, bad, repeated=False)
    assert commit(database, bad, repeated=True) == []
    assert len(letters(database)) == 1


def test_a_fenced_worker_parks_nothing(database: Database) -> None:
    commit(database, effects(None, []), repeated=False)
    with pytest.raises(Fenced):
        commit(database, effects(None, [drift(incompressible(3_300))]), repeated=False)
    assert letters(database) == []


def test_what_is_ours_to_mend_stores_nothing_and_is_raised(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("ALTER TABLE drift RENAME TO elsewhere")
    with pytest.raises(psycopg2.errors.UndefinedTable):
        commit(database, effects(None, [drift("good")]), repeated=False)
    assert stored(database, "SELECT count(*) FROM progress") == [(0,)]


def test_what_passes_is_told_as_unavailable(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    holder = Database(database.url)
    with holder.transaction() as cursor:
        cursor.execute("LOCK TABLE drift")
        with database.transaction() as other:
            other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(Unavailable, match="55P03"):
            commit(database, effects(None, [drift("good")]), repeated=False)
    holder.close()
    assert commit(database, dataclasses.replace(effects(None, [drift("good")])), repeated=True) == []
    assert stored(database, "SELECT id FROM drift") == [("good",)]
