"""The micro-batch transport against a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka.errors import IllegalStateError

from agents.kafka import aiokafka_seams
from agents.kafka.micro_batch import MicroBatch, micro_batches
from agents.kafka.transport import reposition, resume_from
from agents.worker.app import build
from models.seams import Library, plain
from tests.integration.faust_app import committed, eventually, make_topic, produce, running, settings_for

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(autouse=True, params=["fast", "plain"])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both paths of aiokafka's seam give the same."""
    if request.param == "fast":
        assert aiokafka_seams.SEAM.fast
        yield request.param
    else:
        with plain(Library.AIOKAFKA):
            yield request.param


def numbered(first: int, last: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, last + 1)]


async def test_batches_hold_every_record_once_and_in_order(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}in"
    await make_topic(kafka, topic)
    await produce(kafka, topic, numbered(0, 4999))
    app = build(settings_for(kafka, topic_prefix, batch_max_records=700))
    seen: list[int] = []
    sizes: list[int] = []

    @app.agent(app.topic(topic), name="reader")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            sizes.append(len(batch))
            seen.extend(int(record.value) for record in batch.records)
            batch.ack()

    async with running(app):
        await eventually(lambda: len(seen) >= 5000)
    assert seen == list(range(5000))
    assert max(sizes) <= 700
    assert await committed(kafka, f"{topic_prefix}group", topic) == 5000


async def test_an_agent_that_raises_acknowledges_nothing_and_crashes_the_app(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}in"
    await make_topic(kafka, topic)
    app = build(settings_for(kafka, topic_prefix, batch_max_records=10))
    good: list[MicroBatch] = []

    @app.agent(app.topic(topic), name="raiser")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            if batch.first_offset >= 20:
                raise RuntimeError("cannot")
            batch.ack()
            good.append(batch)

    await produce(kafka, topic, numbered(0, 49))
    async with running(app):
        await eventually(lambda: bool(app.crashed))
    assert isinstance(app.crash_reason, RuntimeError)
    assert [batch.first_offset for batch in good] == [0, 10]
    assert await committed(kafka, f"{topic_prefix}group", topic) == 20


async def test_advancing_the_stream_acknowledges_nothing(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}in"
    await make_topic(kafka, topic)
    await produce(kafka, topic, numbered(0, 99))
    app = build(settings_for(kafka, topic_prefix, batch_max_records=10))
    batches: list[MicroBatch] = []

    @app.agent(app.topic(topic), name="forgetful")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            batches.append(batch)
            if batch.first_offset != 30:
                batch.ack()

    async with running(app):
        await eventually(lambda: len(batches) == 10)
    assert await committed(kafka, f"{topic_prefix}group", topic) == 30


async def test_what_was_not_acknowledged_comes_again(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}in"
    await make_topic(kafka, topic)
    await produce(kafka, topic, numbered(0, 99))
    seen: list[list[int]] = []
    for acknowledged_below in (40, 1000):
        app = build(settings_for(kafka, topic_prefix, batch_max_records=10))
        offsets: list[int] = []
        seen.append(offsets)

        @app.agent(app.topic(topic), name="reader")
        async def read(stream: object, offsets: list[int] = offsets, below: int = acknowledged_below) -> None:
            async for batch in micro_batches(stream):
                offsets.extend(record.offset for record in batch.records)
                if batch.last_offset < below:
                    batch.ack()

        async with running(app):
            await eventually(lambda: bool(offsets) and offsets[-1] == 99)  # noqa: B023
    assert seen[0] == list(range(100))
    assert seen[1] == list(range(40, 100))


async def test_an_owner_says_where_its_topic_resumes_and_may_start_it_anew(kafka: str, topic_prefix: str) -> None:
    topic, other = f"{topic_prefix}owned", f"{topic_prefix}other"
    await make_topic(kafka, topic)
    await make_topic(kafka, other)
    await produce(kafka, topic, numbered(0, 99))
    await produce(kafka, other, numbered(0, 9))
    app = build(settings_for(kafka, topic_prefix, batch_max_records=10))
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asked: list[int] = []
    offsets: list[int] = []
    others: list[int] = []

    async def owner(partition: int) -> int:
        asked.append(partition)
        return await asyncio.shield(answer) if len(asked) == 1 else 60

    @app.agent(app.topic(topic), name="owned")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            offsets.extend(record.offset for record in batch.records)

    @app.agent(app.topic(other), name="other")
    async def read_other(stream: object) -> None:
        async for batch in micro_batches(stream):
            others.extend(record.offset for record in batch.records)

    resume_from(app, topic, owner)
    async with running(app):
        await eventually(lambda: len(others) == 10)  # the other topic does not wait for the owner
        assert asked == [0]
        assert offsets == []
        answer.set_result(85)
        await eventually(lambda: len(offsets) == 15)
        assert offsets == list(range(85, 100))
        offsets.clear()
        reposition(app, topic, 0)
        await eventually(lambda: len(offsets) == 40)
    assert offsets == list(range(60, 100))


async def test_a_partition_taken_away_just_before_it_is_resumed_does_not_end_the_worker(
    kafka: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}owned"
    await make_topic(kafka, topic)
    await produce(kafka, topic, numbered(0, 9))
    app = build(settings_for(kafka, topic_prefix))
    offsets: list[int] = []
    refused: list[int] = []

    async def owner(partition: int) -> int:
        if not refused:
            refused.append(partition)
            seek = app.consumer.seek_wait

            async def gone(_: object) -> None:
                app.consumer.seek_wait = seek
                raise IllegalStateError("No current assignment for partition")  # what aiokafka says then

            app.consumer.seek_wait = gone
        return 5

    @app.agent(app.topic(topic), name="owned")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            offsets.extend(record.offset for record in batch.records)

    resume_from(app, topic, owner)
    async with running(app):
        await eventually(lambda: refused == [0] and app.consumer.seek_wait.__name__ != "gone")
        assert not app.crashed
        reposition(app, topic, 0)  # as the next assignment does
        await eventually(lambda: offsets == [5, 6, 7, 8, 9])


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_decodes(kafka: str, topic_prefix: str, codec: str) -> None:
    topic = f"{topic_prefix}in"
    await make_topic(kafka, topic)
    await produce(kafka, topic, numbered(0, 999), compression=codec)
    app = build(settings_for(kafka, topic_prefix))
    seen: list[int] = []

    @app.agent(app.topic(topic), name="reader")
    async def read(stream: object) -> None:
        async for batch in micro_batches(stream):
            seen.extend(int(record.value) for record in batch.records)
            batch.ack()

    async with running(app):
        await eventually(lambda: len(seen) >= 1000)
    assert seen == list(range(1000))


async def test_a_worker_without_consuming_agents_runs_its_tasks(kafka: str, topic_prefix: str) -> None:
    app = build(settings_for(kafka, topic_prefix))
    ran = asyncio.Event()

    @app.task
    async def work() -> None:
        ran.set()

    async with running(app):
        await asyncio.wait_for(ran.wait(), 30)
        assert not app.crashed
