"""The ingest agent against a real broker and a real lake."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry

from agents.ingest.agent import Ingest
from agents.kafka.micro_batch import MicroBatch
from agents.kafka.partitioning import partition_of
from agents.worker.app import attach, build
from agents.worker.context import Context
from agents.worker.retry import Dependencies
from infra.clock import SystemClock
from infra.kafka.admin import create, create_topics
from infra.lake.lake import LakeWriter
from infra.settings import Settings
from infra.store.database import Database
from models.errors import Unavailable
from models.limits import MAX_LETTER_BYTES
from models.names import Topic
from models.series import EntityRule
from models.wire.sample_records import Decoded, decode
from tests.contract.test_parsers import RECORDS
from tests.integration.faust_app import committed, eventually, produce, read_all, running, settings_for

pytestmark = pytest.mark.timeout(90)


RULE = EntityRule(("service",), ("instance",), "host")


def sample(number: int, service: str = "checkout", instance: str = "i-1", now_s: float | None = None) -> bytes:
    body = {"metric": "latency_ms", "value": number, "labels": {"service": service, "instance": instance}}
    if now_s is not None:
        body["timestamp"] = now_s
    return json.dumps(body).encode()


@asynccontextmanager
async def ingesting(settings: Settings) -> AsyncIterator[tuple[faust.App, Context]]:
    registry = CollectorRegistry()
    with ThreadPoolExecutor(2) as threads:
        no_database = Database("postgresql://nobody@127.0.0.1:1/none")
        context = Context(
            settings, no_database, registry, threads, Dependencies(registry, SystemClock().steady_s), SystemClock()
        )
        app = build(settings)
        attach(app, context, ["ingest"])
        async with running(app):
            yield app, context
            for hook in context.stop_hooks:
                await hook()


async def samples_of(kafka: str, settings: Settings) -> list[Decoded]:
    return [decode(record.value) for record in await read_all(kafka, settings.topic(Topic.SAMPLES))]


async def test_samples_arrive_by_entity_in_order_with_their_source_offsets(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=3, lake=str(tmp_path), lake_flush_s=0.1)
    await create_topics(settings)
    metrics = settings.topic(Topic.METRICS)
    for partition in range(3):
        await produce(kafka, metrics, [sample(n, instance=f"i-{partition}-{n % 5}") for n in range(500)], partition)
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while sum(len(part.offsets) for part in await samples_of(kafka, settings)) < 1500:
                await asyncio.sleep(0.1)
    seen: Counter[tuple[str, int]] = Counter()
    high: dict[tuple[int, str], int] = {}
    for record in await read_all(kafka, settings.topic(Topic.SAMPLES)):
        part = decode(record.value)
        assert np.all(np.diff(part.offsets) >= 0)
        assert part.offsets[0] > high.get((record.partition, part.source), -1)
        high[record.partition, part.source] = int(part.offsets[-1])
        for number, value, offset in zip(part.columns.series, part.columns.values, part.offsets, strict=True):
            entity = RULE.identify(part.columns.series_ids[number]).entity
            assert partition_of(entity.encode(), 3) == record.partition
            assert value == offset
            seen[part.source, int(offset)] += 1
    assert set(seen.values()) == {1}
    assert len(seen) == 1500
    for partition in range(3):
        assert await committed(kafka, settings.group, metrics, partition) == 500


async def test_dead_letters_carry_the_bytes_the_key_and_the_reason(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.1)
    await create_topics(settings)
    bad = {
        b"\xff\x00 not json": "unparsable",
        b'{"metric":"m","value":NaN}': "not-finite",
        b'{"what":1}': "unknown-format",
        sample(1, now_s=time.time() + 7200): "in-the-future",
        sample(1, now_s=1_000_000_000): "too-old",
    }
    await produce(kafka, settings.topic(Topic.METRICS), [sample(0), *bad, sample(6)])
    letters: list[object] = []
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while len(letters) < len(bad):
                letters = await read_all(kafka, settings.topic(Topic.DEAD_LETTER))
                await asyncio.sleep(0.1)
    found = {letter.value: {name: value.decode() for name, value in letter.headers} for letter in letters}
    assert {value: headers["reason"] for value, headers in found.items()} == bad
    assert [int(headers["offset"]) for headers in found.values()] == [1, 2, 3, 4, 5]
    metrics = settings.topic(Topic.METRICS)
    assert all(h["topic"] == metrics and h["partition"] == "0" and h["detail"] for h in found.values())
    good = np.concatenate([part.columns.values for part in await samples_of(kafka, settings)])
    assert good.tolist() == [0.0, 6.0]
    assert await committed(kafka, settings.group, settings.topic(Topic.METRICS)) == 7


async def test_a_record_of_five_megabytes_becomes_a_cut_letter_and_the_stream_goes_on(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.1)
    metrics = settings.topic(Topic.METRICS)
    await create(kafka, [NewTopic(metrics, 1, 1, topic_configs={"max.message.bytes": str(8 * 1024 * 1024)})])
    await create_topics(settings)
    large = random.Random(1).randbytes(5_000_000)  # no compression makes it fit
    producer = AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=8 * 1024 * 1024)
    await producer.start()
    for value in (sample(0), large, sample(2)):
        await producer.send_and_wait(metrics, value)
    await producer.stop()
    letters: list[Any] = []
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while not letters or sum(len(part.offsets) for part in await samples_of(kafka, settings)) < 2:
                letters = await read_all(kafka, settings.topic(Topic.DEAD_LETTER))
                await asyncio.sleep(0.1)
        await eventually(lambda: bool(list(tmp_path.rglob("*.parquet"))))
    assert [letter.value for letter in letters] == [large[:MAX_LETTER_BYTES]]
    headers = {name: value.decode() for name, value in letters[0].headers}
    assert (headers["reason"], headers["offset"]) == ("too-large", "1")
    assert (headers["size"], headers["sha256"]) == ("5000000", hashlib.sha256(large).hexdigest())
    assert await committed(kafka, settings.group, metrics) == 3


async def test_a_partition_whose_work_fails_rests_and_the_others_go_on(
    kafka: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, prepare = True, Ingest.prepare

    def failing(self: Ingest, batch: MicroBatch, *rest: Any) -> Any:
        if broken and batch.partition == 0:
            raise ZeroDivisionError("a defect that only this partition's records meet")
        return prepare(self, batch, *rest)

    monkeypatch.setattr(Ingest, "prepare", failing)
    settings = settings_for(kafka, topic_prefix, partitions=2, lake=str(tmp_path), lake_flush_s=0.05)
    await create_topics(settings)
    metrics = settings.topic(Topic.METRICS)
    for partition in range(2):
        await produce(kafka, metrics, [sample(n) for n in range(100)], partition)

    async with ingesting(settings) as (_, context):

        def stopped() -> float | None:
            return context.registry.get_sample_value(
                "tidewatch_partition_stopped", {"agent": "ingest", "partition": "0"}
            )

        async with asyncio.timeout(30):
            while await committed(kafka, settings.group, metrics, 1) != 100:
                await asyncio.sleep(0.1)
        await eventually(lambda: stopped() == 1)
        assert await committed(kafka, settings.group, metrics, 0) in (None, 0)
        broken = False
        await eventually(lambda: stopped() is None)
        async with asyncio.timeout(30):
            while sum(len(part.offsets) for part in await samples_of(kafka, settings)) < 200:
                await asyncio.sleep(0.1)
    assert await committed(kafka, settings.group, metrics, 0) == 100


async def test_a_samples_topic_that_takes_little_gets_records_that_fit(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.05)
    samples = settings.topic(Topic.SAMPLES)
    await create(kafka, [NewTopic(samples, 1, 1, topic_configs={"max.message.bytes": "20000"})])
    await create_topics(settings)
    values = np.random.default_rng(1).normal(size=5_000).tolist()  # digits do not compress
    many = json.dumps({"samples": [{"metric": f"m{n % 900}", "value": value} for n, value in enumerate(values)]})
    records = [json.dumps({"metric": "m", "value": value}).encode() for value in values]
    await produce(kafka, settings.topic(Topic.METRICS), [*records[:2_500], many.encode(), *records[2_500:]])
    found: list[Decoded] = []
    async with ingesting(settings) as (_, context):
        async with asyncio.timeout(60):
            while len({offset for part in found for offset in part.offsets.tolist()}) < 5_000:
                found = await samples_of(kafka, settings)
                await asyncio.sleep(0.1)
        await eventually(lambda: context.registry.get_sample_value("tidewatch_parked_total", {"what": "samples"}) == 1)
    firsts: dict[int, float] = {}
    for part in found:
        for offset, value in zip(part.offsets.tolist(), part.columns.values.tolist(), strict=True):
            firsts.setdefault(offset, value)
    assert [firsts[offset] for offset in sorted(firsts)] == values
    (letter,) = await read_all(kafka, settings.topic(Topic.DEAD_LETTER))
    headers = {name: value.decode() for name, value in letter.headers}
    assert (headers["reason"], headers["offset"]) == ("unstorable", "2500")
    assert headers["detail"].startswith("5000 samples")


@pytest.mark.parametrize(
    ("committed_for", "taken_in"),
    [("another topic of the name", 100), ("", 50)],
    ids=["for a topic that was replaced: from the beginning", "by a version without ids: from there"],
)
async def test_an_offset_that_was_committed_for_another_topic_of_the_name_is_not_believed(
    kafka: str, topic_prefix: str, tmp_path: Path, committed_for: str, taken_in: int
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.05)
    await create_topics(settings)
    metrics = settings.topic(Topic.METRICS)
    await produce(kafka, metrics, [sample(n) for n in range(100)])
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=settings.group, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(metrics, 0)])
    await consumer.commit({TopicPartition(metrics, 0): OffsetAndMetadata(50, committed_for)})
    await consumer.stop()
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while await committed(kafka, settings.group, metrics) != 100:
                await asyncio.sleep(0.1)
        assert sum(len(part.offsets) for part in await samples_of(kafka, settings)) == taken_in


async def test_a_lake_that_is_down_holds_the_acknowledgement_back_and_not_the_stream(
    kafka: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = True
    flush = LakeWriter.flush

    def failing_flush(self: LakeWriter) -> list[Path]:
        if down:
            raise Unavailable("lake", "no space left")
        return flush(self)

    monkeypatch.setattr(LakeWriter, "flush", failing_flush)
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.05)
    await create_topics(settings)
    metrics = settings.topic(Topic.METRICS)
    await produce(kafka, metrics, [sample(n) for n in range(100)])
    async with ingesting(settings) as (_, context):
        async with asyncio.timeout(30):
            while not await samples_of(kafka, settings):
                await asyncio.sleep(0.05)
        await eventually(
            lambda: context.registry.get_sample_value("tidewatch_dependency_up", {"dependency": "lake"}) == 0
        )
        assert await committed(kafka, settings.group, metrics) in (None, 0)
        assert not list(tmp_path.rglob("*.parquet"))
        down = False
        await eventually(lambda: bool(list(tmp_path.rglob("*.parquet"))))
    assert await committed(kafka, settings.group, metrics) == 100


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_producers_may_compress_as_they_like(kafka: str, topic_prefix: str, tmp_path: Path, codec: str) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.05)
    await create_topics(settings)
    await produce(kafka, settings.topic(Topic.METRICS), [sample(n) for n in range(1000)], compression=codec)
    found: list[Decoded] = []
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while sum(len(part.offsets) for part in found) < 1000:
                found = await samples_of(kafka, settings)
                await asyncio.sleep(0.05)
    assert np.concatenate([part.columns.values for part in found]).tolist() == list(range(1000))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_format_may_be_mixed_in_one_partition(
    kafka: str, topic_prefix: str, tmp_path: Path, codec: str
) -> None:
    settings = settings_for(kafka, topic_prefix, partitions=1, lake=str(tmp_path), lake_flush_s=0.05, max_age_s=1e9)
    await create_topics(settings)
    records = 20 * list(RECORDS.values())
    await produce(kafka, settings.topic(Topic.METRICS), [*records, b"?"], compression=codec)
    found: list[Decoded] = []
    async with ingesting(settings):
        async with asyncio.timeout(30):
            while sum(len(part.offsets) for part in found) < 3 * len(records):
                found = await samples_of(kafka, settings)
                await asyncio.sleep(0.05)
    values = Counter(np.concatenate([part.columns.values for part in found]).tolist())
    assert values == {1.0: len(records), 2.5: len(records), -3.0: len(records)}
    [letter] = await read_all(kafka, settings.topic(Topic.DEAD_LETTER))
    assert letter.value == b"?"
