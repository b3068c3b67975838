"""Minutes in which workers, the broker and PostgreSQL are killed at random, with everything counted at the end.

Not part of `make test`: `python -m pytest tests/chaos/everything_dies.py`, with `TIDEWATCH_CHAOS_SECONDS` (120) and
`TIDEWATCH_CHAOS_SEED` (printed) in the environment.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from infra.kafka.admin import create_topics
from infra.local.services.kafka import Kafka
from infra.local.services.postgres import Postgres
from infra.store.database import Database
from models.errors import Unavailable
from models.names import Topic
from tests.integration.faust_app import settings_for
from tests.integration.known_samples import (
    KnownStream,
    apply_slo,
    environment_of,
    stored_episodes,
    stored_minutes,
)
from tests.integration.worker_process import WorkerProcess

SECONDS = float(os.environ.get("TIDEWATCH_CHAOS_SECONDS", "120"))
SEED = int(os.environ.get("TIDEWATCH_CHAOS_SEED", str(int(time.time()))))
PARTITIONS = 2

pytestmark = pytest.mark.timeout(SECONDS + 600)


async def test_everything_may_die_at_any_moment(services_home: Path, stack_cache: Path, tmp_path: Path) -> None:
    print(f"TIDEWATCH_CHAOS_SEED={SEED}")
    home = services_home / "chaos"
    home.mkdir()
    home.chmod(0o711)
    kafka = Kafka(home, stack_cache, print, wanted_port=0).start()
    postgres = Postgres(home, print, wanted_port=0).start()
    try:
        postgres.create_database("tidewatch")
        database = Database(postgres.url())
        database.migrate()
        apply_slo(database)
        settings = settings_for(
            kafka.address,
            "chaos-",
            database_url=postgres.url(),
            home=tmp_path,
            partitions=PARTITIONS,
            snapshot_every_s=1.0,
            lake_flush_s=0.5,
            batch_max_records=300,
        )
        await create_topics(settings)
        stream = KnownStream(2000, start_s=int(time.time()) - 2000)
        environment = environment_of(settings)
        workers = [WorkerProcess(tmp_path, "ingest,watch", environment, f"worker-{n}") for n in range(2)]
        with workers[0], workers[1]:
            flowing = asyncio.create_task(flow(kafka.address, settings.topic(Topic.METRICS), stream.records))
            await break_things(workers, kafka, postgres)
            await flowing
            await until_counted(database, stream.n_counted, workers)
            assert stored_minutes(database) == stream.slo_minutes()
            assert stored_episodes(database) == stream.episodes(PARTITIONS)
        database.close()
    finally:
        postgres.stop()
        kafka.stop()


async def break_things(workers: list[WorkerProcess], kafka: Kafka, postgres: Postgres) -> None:
    """Kill something every few seconds and start it again; workers are supervised."""
    chance = random.Random(SEED)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        await asyncio.sleep(chance.uniform(2, 10))
        victim = chance.choice(["worker", "worker", "worker", "kafka", "postgres"])
        print(f"{time.strftime('%H:%M:%S')} kill -9 {victim}")
        if victim == "worker":
            worker = chance.choice(workers)
            if worker.alive:
                worker.kill()
        else:
            service = kafka if victim == "kafka" else postgres
            await asyncio.to_thread(service.kill)
            await asyncio.sleep(chance.uniform(0, 4))
            await asyncio.to_thread(service.restart)
            await asyncio.to_thread(service.wait_ready)
        supervise(workers)


def supervise(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.restart_if_dead()


async def until_counted(database: Database, samples: float, workers: list[WorkerProcess]) -> None:
    deadline = time.monotonic() + 400
    counted = 0.0
    while counted < samples:
        assert time.monotonic() < deadline, f"counted {counted} of {samples}"
        supervise(workers)
        await asyncio.sleep(0.5)
        try:
            counted = sum(total for _, total in stored_minutes(database).values())
        except Unavailable:
            continue


async def flow(servers: str, topic: str, records: list[bytes]) -> None:
    """Publish in order over most of the time; idempotent, so that a broker's death repeats and loses nothing."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, request_timeout_ms=300_000)
    await producer.start()
    try:
        size = 100
        for start in range(0, len(records), size):
            await asyncio.gather(*[await producer.send(topic, r, partition=0) for r in records[start : start + size]])
            await asyncio.sleep(0.9 * SECONDS * size / len(records))
    finally:
        await producer.stop()
