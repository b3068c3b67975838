"""Hot reload: announcements on a real topic, versions on record in a real PostgreSQL, files in a folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agents.watch.model_updates import ModelUpdates
from agents.worker.context import Context
from agents.worker.retry import Dependencies
from infra.clock import SystemClock
from infra.kafka.admin import create_topics
from infra.settings import Settings
from infra.store import training as store
from infra.store.database import Database
from models.names import Topic
from models.records import ModelEvent
from models.timestamps import to_rfc3339
from models.training.fit import fit
from tests.unit.training.test_fit import table

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

DEADLINE_S = 60.0
START_NS = 1_795_000_000 * 10**9


@pytest.fixture
async def settings(tmp_path: Path, kafka: str, postgres_url: str, topic_prefix: str) -> Settings:
    chosen = Settings(
        home=tmp_path / "home", kafka=kafka, database_url=SecretStr(postgres_url), topic_prefix=topic_prefix
    )
    await create_topics(chosen)
    return chosen


@pytest.fixture
async def context(settings: Settings, database: Database) -> AsyncIterator[Context]:
    registry = CollectorRegistry()
    with ThreadPoolExecutor(2) as threads:
        yield Context(
            settings, database, registry, threads, Dependencies(registry, SystemClock().steady_s), SystemClock()
        )


@pytest.fixture
async def updates(context: Context) -> AsyncIterator[ModelUpdates]:
    """Running as in a worker."""
    running = ModelUpdates(context)
    await running.prepare()
    tasks = [asyncio.ensure_future(running.follow()), asyncio.ensure_future(running.serve())]
    yield running
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def announcement(folder: Path, version: str, *, damaged: bool = False) -> ModelEvent:
    """A version with its file; versions follow one another by a second."""
    body = fit(table(200), "shop", seed=int(version)).to_bytes()
    file = folder / f"{version}.npz"
    file.write_bytes(body[:-10] if damaged else body)
    return ModelEvent(
        id=f"id-{version}",
        service="shop",
        version=version,
        alias="champion",
        metrics={},
        sha256=hashlib.sha256(body).hexdigest(),
        artifact=str(file),
        at=to_rfc3339(START_NS + int(version) * 10**9),
    )


async def publish(settings: Settings, *values: ModelEvent | bytes | None) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka)
    await producer.start()
    try:
        for value in values:
            body = msgspec.json.encode(value) if isinstance(value, ModelEvent) else value
            await producer.send_and_wait(settings.topic(Topic.MODELS), body, key=b"shop")
    finally:
        await producer.stop()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.02)


def version(context: Context) -> str | None:
    served = context.models.current.get("shop")
    return served.version if served is not None else None


def metric(context: Context, name: str, **labels: str) -> float | None:
    return context.registry.get_sample_value(name, labels)


async def test_an_announced_version_is_swapped_in_and_a_withdrawn_one_goes(
    updates: ModelUpdates, context: Context, settings: Settings, tmp_path: Path
) -> None:
    first, second = announcement(tmp_path, "1"), announcement(tmp_path, "2")
    await publish(settings, first)
    await until(lambda: version(context) == "1")
    generation = context.models.generation
    await publish(settings, b"no announcement", second, first, second)
    await until(lambda: version(context) == "2")
    assert context.models.generation == generation + 1
    assert context.models.current["shop"].model.version == "2"
    assert metric(context, "tidewatch_model_info", service="shop", version="2") == 1.0
    assert metric(context, "tidewatch_model_info", service="shop", version="1") is None
    await publish(settings, None)
    await until(lambda: version(context) is None)


async def test_a_damaged_file_is_counted_while_the_old_model_serves_and_loaded_once_it_is_whole(
    updates: ModelUpdates, context: Context, settings: Settings, tmp_path: Path
) -> None:
    await publish(settings, announcement(tmp_path, "1"))
    await until(lambda: version(context) == "1")
    await publish(settings, announcement(tmp_path, "2", damaged=True))
    await until(lambda: (metric(context, "tidewatch_model_load_failures_total", service="shop") or 0) >= 1)
    assert version(context) == "1"
    announcement(tmp_path, "2")
    await until(lambda: version(context) == "2")


async def test_a_rollback_is_a_later_announcement_of_an_earlier_version(
    updates: ModelUpdates, context: Context, settings: Settings, tmp_path: Path
) -> None:
    first, second = announcement(tmp_path, "1"), announcement(tmp_path, "2")
    await publish(settings, first, second)
    await until(lambda: version(context) == "2")
    await publish(settings, msgspec.structs.replace(first, at=to_rfc3339(START_NS + 9 * 10**9)))
    await until(lambda: version(context) == "1")


async def test_a_worker_starts_with_what_is_on_record_and_older_announcements_do_not_undo_it(
    context: Context, settings: Settings, database: Database, tmp_path: Path
) -> None:
    first, second = announcement(tmp_path, "1"), announcement(tmp_path, "2")
    served = store.ServedModel("shop", "2", second.sha256, second.artifact, START_NS + 2 * 10**9 + 345_678)
    with database.transaction() as cursor:
        store.serve(cursor, served, {}, cause="request")
    running = ModelUpdates(context)
    await running.prepare()
    assert version(context) == "2"
    running.announced([(b"shop", msgspec.json.encode(first)), (b"shop", msgspec.json.encode(second))])
    await running.load_due()
    assert (version(context), context.models.generation) == ("2", 1)
