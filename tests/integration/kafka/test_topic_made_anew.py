"""Topics that are deleted and made anew, and databases of other clusters: real broker, real workers, exact counts."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.kafka.admin import create_topics
from infra.kafka.identity import ask_ids
from infra.settings import Settings
from infra.store.database import Database
from models.errors import Unavailable
from models.names import Topic
from tests.integration.faust_app import make_topic, produce
from tests.integration.known_samples import (
    KnownStream,
    apply_slo,
    assert_known,
    environment_of,
    stored_minutes,
)
from tests.integration.watch.test_exactly_once import settings_of, until_counted
from tests.integration.worker_process import ROOT, WorkerProcess

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 2


@pytest.fixture
def settings(kafka: str, topic_prefix: str, postgres_url: str, tmp_path: Path) -> Settings:
    return settings_of(kafka, topic_prefix, postgres_url, tmp_path)


def known_stream() -> KnownStream:
    return KnownStream(1250, start_s=int(time.time()) - 1250)


async def remake(kafka: str, name: str) -> None:
    """Delete a topic and make it anew, as an operator would."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        await client.delete_topics([name])
        deadline = time.monotonic() + 30
        while True:
            answer = await client.create_topics([NewTopic(name, PARTITIONS, 1)])
            if answer.topic_errors[0][1] == 0:
                return
            assert time.monotonic() < deadline, answer
            await asyncio.sleep(0.1)
    finally:
        await client.close()


async def test_a_topic_made_anew_has_another_id_and_a_missing_one_has_none(kafka: str, topic_prefix: str) -> None:
    name = f"{topic_prefix}x"
    await make_topic(kafka, name, PARTITIONS)
    before = await asyncio.to_thread(ask_ids, kafka, [name, f"{topic_prefix}never"])
    assert before.cluster_id
    assert list(before.topic_ids) == [name]
    await remake(kafka, name)
    async with asyncio.timeout(30):
        while name not in (after := await asyncio.to_thread(ask_ids, kafka, [name])).topic_ids:
            await asyncio.sleep(0.05)
    assert after.cluster_id == before.cluster_id
    assert after.topic_ids[name] != before.topic_ids[name]


def test_no_broker_is_told_as_unavailable() -> None:
    with pytest.raises(Unavailable):
        ask_ids("127.0.0.1:1,127.0.0.1:2", ["x"])


async def test_metrics_made_anew_while_a_worker_runs_is_counted_at_once(
    kafka: str, settings: Settings, database: Database, tmp_path: Path
) -> None:
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    metrics, half = settings.topic(Topic.METRICS), len(stream.records) // 2
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, metrics, stream.records[:half])
        await until_counted(database, stream.n_counted // 2, worker)
        await remake(kafka, metrics)
        await produce(kafka, metrics, stream.records[half:])
        await until_counted(database, stream.n_counted, worker)
        deadline = time.monotonic() + 20
        while f'tidewatch_topics_recreated_total{{topic="{metrics}"}}' not in worker.metrics():
            assert time.monotonic() < deadline, "nobody was told"
            await asyncio.sleep(0.2)
        assert worker.stop() == 0
    assert_known(database, stream, PARTITIONS)


async def test_metrics_made_anew_while_no_worker_runs_is_counted(
    kafka: str, settings: Settings, database: Database, tmp_path: Path
) -> None:
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    metrics, half = settings.topic(Topic.METRICS), len(stream.records) // 2
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, metrics, stream.records[:half])
        await until_counted(database, stream.n_counted // 2, worker)
        assert worker.stop() == 0
        await remake(kafka, metrics)
        await produce(kafka, metrics, stream.records[half:])
        worker.start()
        await until_counted(database, stream.n_counted, worker)
        assert worker.stop() == 0
    assert_known(database, stream, PARTITIONS)


@pytest.mark.parametrize("running", [True, False], ids=["while a worker runs", "while none runs"])
async def test_samples_made_anew_goes_on_counting_with_the_state_there_is(
    kafka: str, settings: Settings, database: Database, tmp_path: Path, running: bool
) -> None:
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    metrics, half = settings.topic(Topic.METRICS), len(stream.records) // 2
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, metrics, stream.records[:half])
        await until_counted(database, stream.n_counted // 2, worker)
        if not running:
            assert worker.stop() == 0
        await remake(kafka, settings.topic(Topic.SAMPLES))
        if not running:
            worker.start()
        await produce(kafka, metrics, stream.records[half:])
        await until_counted(database, stream.n_counted, worker)
        assert worker.stop() == 0
    assert stored_minutes(database) == stream.slo_minutes()


async def test_a_database_of_another_cluster_is_refused_and_repaired_on_request_only(
    kafka: str, settings: Settings, database: Database, tmp_path: Path
) -> None:
    await create_topics(settings)
    apply_slo(database)
    stream = known_stream()
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, settings.topic(Topic.METRICS), stream.records)
        await until_counted(database, stream.n_counted, worker)
        assert worker.stop() == 0
    assert repair(settings).returncode == 0
    with database.transaction() as cursor:
        cursor.execute("UPDATE progress SET cluster_id = 'elsewhere', topic_id = 'another'")
    before = stored_minutes(database)

    refused = WorkerProcess(tmp_path, "ingest,watch", environment_of(settings), "refused").start()
    assert refused.wait(60) == 2
    (line,) = [line for line in refused.log.read_text().splitlines() if "belongs to the Kafka cluster" in line]
    assert "elsewhere" in line
    assert "tidewatch repair" in line

    told = repair(settings)
    assert told.returncode == 1
    assert "other-cluster" in told.stdout
    assert "counted again" in told.stdout
    assert progress_of(database) == {("elsewhere", "another")}
    assert repair(settings, "--yes").returncode == 0
    assert "elsewhere" not in {cluster for cluster, _ in progress_of(database)}
    assert repair(settings).returncode == 0
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings), "repaired") as worker:
        worker.metrics()
        assert worker.stop() == 0
    assert stored_minutes(database) == before


def progress_of(database: Database) -> set[tuple[str, str]]:
    with database.transaction() as cursor:
        cursor.execute("SELECT DISTINCT cluster_id, topic_id FROM progress")
        return {(cluster, topic) for cluster, topic in cursor.fetchall()}


def repair(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "repair", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment_of(settings)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
