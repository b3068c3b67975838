"""Runs a Faust app of ours inside a test, against the session's broker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from infra.kafka.admin import create
from infra.settings import Settings

DEADLINE_S = 30.0


def settings_for(kafka: str, prefix: str, **overrides: object) -> Settings:
    return Settings(kafka=kafka, topic_prefix=prefix, group=f"{prefix}group", **overrides)


async def make_topic(kafka: str, name: str, partitions: int = 1) -> None:
    await create(kafka, [NewTopic(name, partitions, 1)])


async def produce(
    kafka: str, topic: str, values: list[bytes], partition: int = 0, compression: str | None = None
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, compression_type=compression, linger_ms=5)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, value, partition=partition) for value in values])
    finally:
        await producer.stop()


async def committed(kafka: str, group: str, topic: str, partition: int = 0) -> int | None:
    """The group's committed offset, as Kafka has it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition(topic, partition))
    finally:
        await consumer.stop()


async def read_all(kafka: str, topic: str) -> list[Any]:
    """Every record that a topic holds now, partition by partition."""
    # from the start by configuration: a seek races with the consumer's own first look for the end
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        await eventually(lambda: bool(consumer.assignment()))  # a new topic is not known everywhere at once
        partitions = sorted(consumer.assignment(), key=lambda tp: tp.partition)
        ends = await consumer.end_offsets(partitions)
        records: dict[TopicPartition, list[Any]] = {tp: [] for tp in partitions}
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, batch in (await consumer.getmany(timeout_ms=200)).items():
                records[tp].extend(batch)
        return [record for tp in partitions for record in records[tp]]
    finally:
        await consumer.stop()


async def eventually(condition: Callable[[], bool], within_s: float = DEADLINE_S) -> None:
    """Return as soon as `condition` holds; fail when it does not within the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition did not come true"
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    """The app, started; stopped at the end."""
    starting = asyncio.ensure_future(app.start())
    try:
        await eventually(lambda: starting.done() or bool(app.crashed))
        yield app
    finally:
        starting.cancel()
        await asyncio.wait_for(app.stop(), DEADLINE_S)
