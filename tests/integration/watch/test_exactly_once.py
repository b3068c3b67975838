"""Nothing lost, nothing counted twice: real workers, killed, over a stream whose results are known."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path

import pytest

from infra.kafka.admin import create_topics
from infra.local.services.postgres import Postgres
from infra.settings import Settings
from infra.store.database import Database
from models.names import Topic
from tests.integration.faust_app import produce, read_all, settings_for
from tests.integration.known_samples import (
    KnownStream,
    apply_slo,
    assert_known,
    environment_of,
    stored_minutes,
)
from tests.integration.worker_process import WorkerProcess

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 2


def known_stream(n_ticks: int = 1250) -> KnownStream:
    return KnownStream(n_ticks, start_s=int(time.time()) - n_ticks)


def settings_of(kafka: str, prefix: str, postgres_url: str, home: Path, **overrides: object) -> Settings:
    defaults = {"partitions": PARTITIONS, "snapshot_every_s": 0.5, "lake_flush_s": 0.2, "batch_max_records": 400}
    return settings_for(kafka, prefix, database_url=postgres_url, home=home, **{**defaults, **overrides})


async def until_counted(database: Database, samples: float, worker: WorkerProcess, within_s: float = 240.0) -> None:
    """Wait until so many samples are counted."""
    deadline = time.monotonic() + within_s
    while (counted := sum(total for _, total in stored_minutes(database).values())) < samples:
        assert worker.alive, "the worker ended"
        assert time.monotonic() < deadline, f"counted {counted} of {samples}"
        await asyncio.sleep(0.05)


async def test_a_worker_counts_every_sample_once_and_finds_every_anomaly(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path)
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    assert len(stream.episodes(PARTITIONS)) >= 8
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, settings.topic(Topic.METRICS), stream.records)
        await until_counted(database, stream.n_counted, worker)
        assert "tidewatch_anomaly_score{" in worker.metrics()
        assert worker.stop() == 0
    assert_known(database, stream, PARTITIONS)


async def test_kill_9_at_any_moment_loses_nothing_and_counts_nothing_twice(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path)
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    chance = random.Random()  # the moments never repeat anyway; a failure shows them
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        # the last part follows the last death: a worker has to be up to count it, and can be asked to stop then
        last = len(stream.records) * 7 // 10
        flowing = asyncio.create_task(flow(kafka, settings, stream.records[:last], seconds=18.0))
        for share in (0.05, 0.3, 0.6):
            await until_counted(database, share * stream.n_counted, worker)
            await asyncio.sleep(after_s := chance.random() * 0.3)
            print(f"kill {after_s:.3f} s after {share:.0%} were counted")
            worker.kill()
            worker.start()
        await flowing
        await flow(kafka, settings, stream.records[last:], seconds=7.0)
        await until_counted(database, stream.n_counted, worker)
        assert worker.stop() == 0
    assert_known(database, stream, PARTITIONS)
    await assert_repeats_are_equal(kafka, settings)


async def flow(kafka: str, settings: Settings, records: list[bytes], seconds: float) -> None:
    """Publish records in order, spread over some time."""
    parts = 50
    size = -(-len(records) // parts)
    for start in range(0, len(records), size):
        await produce(kafka, settings.topic(Topic.METRICS), records[start : start + size])
        await asyncio.sleep(seconds / parts)


async def assert_repeats_are_equal(kafka: str, settings: Settings) -> None:
    """A score that was published again says the same: the replay decided as the first time."""
    by_id: dict[str, dict[str, object]] = {}
    for record in await read_all(kafka, settings.topic(Topic.SCORES)):
        score = json.loads(record.value)
        known = by_id.setdefault(score["id"], score)
        assert known == score
    assert by_id


async def test_partitions_move_between_workers_and_survive_the_death_of_one(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path)
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    environment = environment_of(settings)
    with (
        WorkerProcess(tmp_path, "ingest,watch", environment, "first") as first,
        WorkerProcess(tmp_path, "ingest,watch", environment, "second") as second,
    ):
        flowing = asyncio.create_task(flow(kafka, settings, stream.records, seconds=40.0))
        await until_counted(database, 0.1 * stream.n_counted, first)
        with WorkerProcess(tmp_path, "ingest,watch", environment, "third") as third:
            await until_metric(third, "tidewatch_consumer_lag_records{")  # it has partitions
            await until_counted(database, 0.4 * stream.n_counted, first)
            first.kill()
            await until_counted(database, 0.7 * stream.n_counted, second)
            assert second.stop() == 0
            await flowing
            await until_counted(database, stream.n_counted, third)
            assert third.stop() == 0
    assert_known(database, stream, PARTITIONS)
    await assert_repeats_are_equal(kafka, settings)


async def test_postgresql_may_stop_for_a_while(
    kafka: str, topic_prefix: str, services_home: Path, tmp_path: Path
) -> None:
    home = services_home / "stopped"
    home.mkdir()
    home.chmod(0o711)
    server = Postgres(home, print, wanted_port=0).start()
    try:
        server.create_database("tidewatch")
        database = Database(server.url())
        database.migrate()
        apply_slo(database)
        settings = settings_of(kafka, topic_prefix, server.url(), tmp_path)
        await create_topics(settings)
        stream = known_stream()
        with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
            flowing = asyncio.create_task(flow(kafka, settings, stream.records, seconds=15.0))
            await until_counted(database, 0.2 * stream.n_counted, worker)
            database.close()
            server.stop()
            metrics = await until_metric(worker, 'tidewatch_dependency_up{dependency="postgresql"} 0.0')
            assert "tidewatch_commit_retries_total" in metrics
            server.launch()
            server.wait_ready()
            await flowing
            await until_counted(database, stream.n_counted, worker)
            await until_metric(worker, 'tidewatch_dependency_up{dependency="postgresql"} 1.0')
            assert worker.stop() == 0
        assert_known(database, stream, PARTITIONS)
        database.close()
    finally:
        server.stop()


async def until_metric(worker: WorkerProcess, line: str, within_s: float = 120.0) -> str:
    """Wait until the worker shows a line on /metrics; the whole text."""
    deadline = time.monotonic() + within_s
    while line not in (text := await asyncio.to_thread(worker.metrics)):
        assert time.monotonic() < deadline, text
        await asyncio.sleep(0.2)
    return text
