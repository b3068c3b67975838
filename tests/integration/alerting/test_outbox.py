"""The outbox: events leave the transaction that decided them, reach Kafka in order, and survive every outage."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from agents.notify.outbox import BATCH_ROWS, OutboxRelay
from agents.worker.retry import Dependencies
from infra.clock import SystemClock
from infra.local.processes.ports import choose_port
from infra.settings import Settings
from infra.store import outbox
from infra.store.database import Database
from infra.store.outbox import OutboxEvent
from models.names import Metric, Topic
from tests.integration.faust_app import eventually, make_topic, read_all

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


class Relaying:
    def __init__(self, relay: OutboxRelay, task: asyncio.Task[None], registry: CollectorRegistry) -> None:
        self.relay = relay
        self.task = task
        self.registry = registry

    def pending(self) -> float | None:
        return self.registry.get_sample_value(Metric.OUTBOX_PENDING.value)

    def up(self, dependency: str) -> float | None:
        return self.registry.get_sample_value(Metric.DEPENDENCY_UP.value, {"dependency": dependency})

    async def stop(self) -> None:
        assert not self.task.done() or self.task.cancelled(), self.task.exception()
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@contextlib.asynccontextmanager
async def relaying(kafka: str, prefix: str, postgres_url: str) -> AsyncIterator[Relaying]:
    """A relay with a database connection of its own, as in a worker of its own."""
    registry = CollectorRegistry()
    database = Database(postgres_url)
    gauge = Gauge(Metric.OUTBOX_PENDING.value, "waiting", registry=registry)
    relay = OutboxRelay(
        Settings(kafka=kafka, topic_prefix=prefix),
        database,
        Dependencies(registry, SystemClock().steady_s),
        gauge,
        SystemClock().steady_s,
    )
    worker = Relaying(relay, asyncio.create_task(relay.serve()), registry)
    try:
        yield worker
    finally:
        await worker.stop()
        database.close()


def event(number: int, key: str = "checkout") -> OutboxEvent:
    return OutboxEvent(Topic.ALERTS, key, f"event-{number}", b"%d" % number)


def put(database: Database, events: list[OutboxEvent]) -> int:
    with database.transaction() as cursor:
        return outbox.put(cursor, events)


def unpublished(database: Database) -> int:
    with database.transaction() as cursor:
        return outbox.count_pending(cursor)


async def test_events_reach_kafka_in_order_with_key_id_and_value(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    numbers = range(BATCH_ROWS * 2 + 10)
    assert put(database, [event(n) for n in numbers]) == len(numbers)
    async with relaying(kafka, topic_prefix, postgres_url) as worker:
        await eventually(lambda: unpublished(database) == 0)
        await eventually(lambda: worker.pending() == 0)
        put(database, [event(-1)])  # heard of by notification
        await eventually(lambda: unpublished(database) == 0)
    records = await read_all(kafka, topic)
    assert [record.value for record in records] == [b"%d" % n for n in [*numbers, -1]]
    assert records[0].key == b"checkout"
    assert records[0].headers == (("id", b"event-0"),)


def test_an_event_decided_twice_is_stored_once_and_one_of_a_failed_transaction_never(database: Database) -> None:
    assert put(database, [event(1), event(2), event(1)]) == 2
    assert put(database, [event(2), event(3)]) == 1
    with contextlib.suppress(ZeroDivisionError), database.transaction() as cursor:
        outbox.put(cursor, [event(4)])
        raise ZeroDivisionError
    with database.transaction() as cursor:
        assert [row.event_id for row in outbox.pending(cursor, 10)] == ["event-1", "event-2", "event-3"]


async def test_an_event_whose_transaction_commits_after_a_later_id_was_published_is_not_skipped(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    other = Database(postgres_url)
    async with relaying(kafka, topic_prefix, postgres_url):
        with other.transaction() as slow:
            outbox.put(slow, [event(1)])
            await asyncio.to_thread(put, database, [event(2)])
            await eventually(lambda: unpublished(database) == 0)
        await eventually(lambda: unpublished(database) == 0)
    other.close()
    assert [record.value for record in await read_all(kafka, topic)] == [b"2", b"1"]


async def test_events_wait_while_kafka_is_down_and_leave_when_it_is_back(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    put(database, [event(n) for n in range(5)])
    nobody = f"127.0.0.1:{choose_port().number}"
    async with relaying(nobody, topic_prefix, postgres_url) as worker:
        await eventually(lambda: worker.up("kafka") == 0)
        assert worker.pending() == 5
    assert unpublished(database) == 5
    async with relaying(kafka, topic_prefix, postgres_url) as worker:
        await eventually(lambda: unpublished(database) == 0)
        await eventually(lambda: worker.up("kafka") == 1)
    assert [record.value for record in await read_all(kafka, topic)] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_relay_that_dies_before_marking_publishes_again_under_the_same_id(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    put(database, [event(1)])
    async with relaying(kafka, topic_prefix, postgres_url):
        await eventually(lambda: unpublished(database) == 0)
    with database.transaction() as cursor:  # as if the mark had never been written
        cursor.execute("UPDATE outbox SET published_at = NULL")
    async with relaying(kafka, topic_prefix, postgres_url):
        await eventually(lambda: unpublished(database) == 0)
    assert [dict(record.headers)["id"] for record in await read_all(kafka, topic)] == [b"event-1", b"event-1"]


async def test_a_relay_whose_connection_postgresql_ends_goes_on_with_a_new_one(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    async with relaying(kafka, topic_prefix, postgres_url):
        for number in range(3):
            put(database, [event(number)])
            await eventually(lambda: unpublished(database) == 0)
            with database.transaction() as cursor:
                cursor.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
    assert [record.value for record in await read_all(kafka, topic)] == [b"0", b"1", b"2"]


async def test_of_two_relays_one_works_and_the_other_takes_over(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    async with relaying(kafka, topic_prefix, postgres_url) as first, relaying(kafka, topic_prefix, postgres_url):
        for number in range(20):
            put(database, [event(number)])
            await eventually(lambda: unpublished(database) == 0)
        await first.stop()
        put(database, [event(20)])
        await eventually(lambda: unpublished(database) == 0)
    assert [record.value for record in await read_all(kafka, topic)] == [b"%d" % n for n in range(21)]


async def test_an_event_too_large_for_kafka_does_not_hold_back_the_others(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database
) -> None:
    topic = f"{topic_prefix}alerts"
    await make_topic(kafka, topic)
    put(database, [OutboxEvent(Topic.ALERTS, "a", "large", b"x" * 2_000_000), event(1)])
    async with relaying(kafka, topic_prefix, postgres_url) as worker:
        await eventually(lambda: unpublished(database) == 1)
        await eventually(lambda: worker.pending() == 1)
        await eventually(lambda: worker.up("kafka") == 1)
    assert [record.value for record in await read_all(kafka, topic)] == [b"1"]


def test_old_published_events_are_deleted_and_unpublished_ones_never(database: Database) -> None:
    put(database, [event(1), event(2), event(3)])
    with database.transaction() as cursor:
        old, fresh, _ = outbox.pending(cursor, 3)
        outbox.mark_published(cursor, [old.id, fresh.id])
        cursor.execute("UPDATE outbox SET created_at = now() - interval '30 days'")
        cursor.execute("UPDATE outbox SET published_at = now() - interval '8 days' WHERE id = %s", (old.id,))
        assert outbox.delete_published(cursor) == 1
        cursor.execute("SELECT event_id FROM outbox ORDER BY id")
        assert cursor.fetchall() == [("event-2",), ("event-3",)]
