"""The watch agent's transaction on a real PostgreSQL: all or nothing, once, and only by the owner."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg2
import pytest

from infra.store import anomalies, progress
from infra.store.database import Database
from infra.store.outbox import OutboxEvent
from infra.store.progress import Fenced, ModelSwap, Snapshot
from infra.store.slo import dependencies
from infra.store.watch import Effects, commit
from models.errors import Unavailable
from models.names import Topic
from models.reasons import AlertDecision, AlertState
from models.service_graph import Edge
from models.slo.causes.rank import Evidence
from models.state.results import Drift, Episode, SeriesPart, SloCounts
from tests.integration.known_samples import apply_slo, stored_episodes, stored_minutes

NO_COUNTS = SloCounts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0))
EPISODE = Episode(
    id="shop/i-1:60",
    service="shop",
    entity="shop/i-1",
    started_ns=60_000_000_000,
    ended_ns=None,
    at_ns=62_000_000_000,
    peak_score=1.5,
    peak_ns=61_000_000_000,
    cause_metric="latency_ms",
    causes=[("latency_ms", 1.0)],
    value=250.0,
    expected=100.0,
    expected_lower=90.0,
    expected_upper=110.0,
    model_version="",
    state=AlertState.FIRING,
    decision=AlertDecision.FIRED,
)
DRIFT = Drift(
    id="shop/i-1:latency_ms:9",
    service="shop",
    entity="shop/i-1",
    series="latency_ms",
    detector="adwin",
    statistic=2.5,
    window_rows=90,
    at_ns=9_000_000_000,
    since_ns=8_000_000_000,
)


def counts(slo_id: int, *minutes: tuple[int, float, float]) -> SloCounts:
    return SloCounts(
        np.full(len(minutes), slo_id, np.int32),
        np.array([minute for minute, _, _ in minutes], np.int64),
        np.array([good for _, good, _ in minutes]),
        np.array([total for _, _, total in minutes]),
    )


def first_effects(slo_id: int) -> Effects:
    return Effects(
        "samples",
        0,
        None,
        10,
        {"metrics:0": 99},
        counts(slo_id, (0, 9, 10), (60, 5, 5)),
        [EPISODE],
        [DRIFT],
        [OutboxEvent(Topic.ALERTS, "k", "event-1", b"{}")],
    )


@pytest.fixture
def slo_id(database: Database) -> int:
    apply_slo(database)
    with database.transaction() as cursor:
        cursor.execute("SELECT id FROM slo")
        row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def loaded(database: Database) -> progress.Resume:
    with database.transaction() as cursor:
        return progress.load(cursor, "samples", 0)


def outbox_ids(database: Database) -> list[str]:
    with database.transaction() as cursor:
        cursor.execute("SELECT event_id FROM outbox ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def test_effects_add_up_over_micro_batches(database: Database, slo_id: int) -> None:
    first = first_effects(slo_id)
    commit(database, first, repeated=False)
    ended = replace(EPISODE, ended_ns=90_000_000_000, peak_score=2.0, state=AlertState.RESOLVED)
    second = replace(
        first,
        expected=10,
        next_offset=12,
        slo_counts=counts(slo_id, (60, 1, 2)),
        episodes=[ended],
        source_high={"m:0": 120},
    )
    commit(database, second, repeated=False)
    assert stored_minutes(database) == {0: (9, 10), 60: (6, 7)}
    assert stored_episodes(database) == {EPISODE.id: (2.0, True)}
    assert outbox_ids(database) == ["event-1"]
    assert loaded(database) == progress.Resume(12, {"m:0": 120}, None, [])


def test_what_series_and_calls_showed_is_there_for_causes(database: Database, slo_id: int) -> None:
    parts = (
        SeriesPart("latency_ms", 30.0, 60_000_000_000, 61_000_000_000, 250.0, 100.0, 90.0, 110.0),
        SeriesPart("cpu_ratio", 10.0, 0, 61_000_000_000, None, None, None, None),
    )
    effects = replace(first_effects(slo_id), episodes=[replace(EPISODE, series=parts)], calls=[Edge("web", "shop")])
    commit(database, effects, repeated=False)
    commit(database, replace(effects, expected=10, next_offset=11), repeated=False)
    with database.transaction() as cursor:
        assert [(d.client, d.server, d.source.value) for d in dependencies.load(cursor)] == [("web", "shop", "traces")]
        found = anomalies.evidence_between(cursor, ["shop", "nobody"], 0, 2 * 60_000_000_000)
        assert anomalies.evidence_between(cursor, ["shop"], 0, 59_000_000_000) == []
    assert found == [
        Evidence("shop", "shop/i-1", "latency_ms", 0.75, 60_000_000_000, 250.0, 100.0, 90.0, 110.0, 1.5, ""),
        Evidence("shop", "shop/i-1", "cpu_ratio", 0.25, 0, None, None, None, None, 1.5, ""),
    ]


def test_two_transitions_of_one_episode_in_one_micro_batch_leave_the_last(database: Database, slo_id: int) -> None:
    ended = replace(EPISODE, ended_ns=90_000_000_000)
    commit(database, replace(first_effects(slo_id), episodes=[EPISODE, ended]), repeated=False)
    assert stored_episodes(database) == {EPISODE.id: (1.5, True)}


def test_a_worker_that_lost_the_partition_changes_nothing(database: Database, slo_id: int) -> None:
    first = first_effects(slo_id)
    commit(database, first, repeated=False)
    before = stored_minutes(database)
    for lost in (first, replace(first, expected=5), replace(first, expected=11, next_offset=20)):
        with pytest.raises(Fenced) as fenced:
            commit(database, lost, repeated=False)
        assert fenced.value.found == 10
    assert stored_minutes(database) == before
    assert loaded(database).next_offset == 10


def test_an_attempt_that_was_committed_unnoticed_is_not_made_twice(database: Database, slo_id: int) -> None:
    first = first_effects(slo_id)
    commit(database, first, repeated=False)
    commit(database, first, repeated=True)
    assert stored_minutes(database) == {0: (9, 10), 60: (5, 5)}


def test_an_attempt_that_was_not_committed_is_made_again(database: Database, slo_id: int) -> None:
    commit(database, first_effects(slo_id), repeated=True)
    assert stored_minutes(database) == {0: (9, 10), 60: (5, 5)}


def test_a_repeated_attempt_after_another_owner_went_on_is_fenced(database: Database, slo_id: int) -> None:
    first = first_effects(slo_id)
    commit(database, first, repeated=False)
    commit(database, replace(first, expected=10, next_offset=30), repeated=False)
    with pytest.raises(Fenced):
        commit(database, first, repeated=True)


def end_waiting_backend(url: str, within_s: float = 20.0) -> None:
    """End the session that waits for a lock, as soon as there is one."""
    looking = psycopg2.connect(url)
    looking.autocommit = True  # within one transaction the view would not change
    deadline = time.monotonic() + within_s
    with looking.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone():
                break
            assert time.monotonic() < deadline, "no session waits for a lock"
    looking.close()


def test_a_connection_lost_at_any_statement_leaves_all_or_nothing(
    database: Database, slo_id: int, postgres_url: str
) -> None:
    """The backend is ended from outside while the transaction waits for a lock in its middle."""
    other = psycopg2.connect(postgres_url)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE drift IN ACCESS EXCLUSIVE MODE")  # written after the counts and episodes
    failed: list[BaseException] = []

    def attempt() -> None:
        try:
            commit(database, first_effects(slo_id), repeated=False)
        except Unavailable as error:
            failed.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    end_waiting_backend(postgres_url)
    other.rollback()
    other.close()
    thread.join(20)
    assert len(failed) == 1
    assert loaded(database).next_offset is None
    assert stored_minutes(database) == {}
    commit(database, first_effects(slo_id), repeated=True)
    assert stored_minutes(database) == {0: (9, 10), 60: (5, 5)}


def test_counts_of_an_slo_that_is_gone_do_not_hold_the_rest_up(database: Database, slo_id: int) -> None:
    gone = counts(slo_id + 1, (0, 1, 1))
    commit(database, replace(first_effects(slo_id), slo_counts=gone), repeated=False)
    assert stored_minutes(database) == {}
    assert stored_episodes(database)


def test_partitions_that_count_for_the_same_minutes_do_not_deadlock(postgres_url: str, slo_id: int) -> None:
    database = Database(postgres_url)
    problems: list[BaseException] = []

    def work(partition: int) -> None:
        try:
            for step in range(30):
                minutes = [(60 * m, 1.0, 1.0) for m in range(20)]
                added = counts(slo_id, *(minutes if partition % 2 else reversed(minutes)))
                commit(database, Effects("samples", partition, step or None, step + 1, {}, added), repeated=False)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    assert stored_minutes(database) == {60 * m: (120.0, 120.0) for m in range(20)}
    database.close()


def test_partitions_that_add_and_change_minutes_of_the_same_slos_do_not_deadlock(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO slo (name, service, target_ratio, document)"
            " SELECT 'many-' || n, 'shop', 0.99, '{}' FROM generate_series(1, 40) AS n RETURNING id"
        )
        ids = np.array([id_ for (id_,) in cursor.fetchall()], np.int32)
    problems: list[BaseException] = []

    def work(partition: int) -> None:
        random = np.random.default_rng(partition)
        try:
            for step in range(60):
                # some minutes are new and some are there, of other SLOs in each partition: both triggers fire in both
                minute_s = random.integers(2 * step, 2 * step + 3, len(ids)) * 60
                added = SloCounts(ids, minute_s, np.ones(len(ids)), np.ones(len(ids)))
                commit(database, Effects("samples", partition, step or None, step + 1, {}, added), repeated=False)
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(partition,)) for partition in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    with database.transaction() as cursor:
        cursor.execute("SELECT sum(total) FROM slo_day")
        assert cursor.fetchone() == (4 * 60 * len(ids),)


@pytest.mark.parametrize("size", [pytest.param(1_000, id="in its row"), pytest.param(5_000_000, id="in the lake")])
def test_a_snapshot_comes_back_with_the_swaps_after_it(
    database: Database, slo_id: int, tmp_path: Path, size: int
) -> None:
    lake = str(tmp_path)
    swaps = [ModelSwap(4, "shop", "1", "aa", "a"), ModelSwap(10, "shop", "2", "bb", "b")]
    body = bytes(range(256)) * (size // 256)
    stored = progress.prepare_snapshot(lake, "samples", 0, Snapshot(10, body))
    commit(database, replace(first_effects(slo_id), swaps=swaps, snapshot=stored), repeated=False)
    assert loaded(database) == progress.Resume(10, {"metrics:0": 99}, Snapshot(10, body), swaps[1:])
    newer = progress.prepare_snapshot(lake, "samples", 0, Snapshot(20, body[::-1]))
    commit(database, replace(first_effects(slo_id), expected=10, next_offset=20, snapshot=newer), repeated=False)
    progress.delete_old_files(lake, "samples", 0, newer)
    assert loaded(database) == progress.Resume(20, {"metrics:0": 99}, Snapshot(20, body[::-1]), [])
    assert len([f for f in tmp_path.rglob("*") if f.is_file()]) == (1 if size > progress.LARGE_BYTES else 0)


def test_a_damaged_or_missing_snapshot_is_left_out(database: Database, slo_id: int, tmp_path: Path) -> None:
    stored = progress.prepare_snapshot(str(tmp_path), "samples", 0, Snapshot(10, b"x" * 5_000_000))
    commit(database, replace(first_effects(slo_id), snapshot=stored), repeated=False)
    assert stored.location is not None
    file = Path(stored.location)
    file.write_bytes(b"y" * 5_000_000)
    assert loaded(database).snapshot is None
    file.unlink()
    assert loaded(database) == progress.Resume(10, {"metrics:0": 99}, None, [])
