"""One record of every kind that once stopped the stream, beside an innocent service whose counts stay exact."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from agents.kafka.partitioning import partition_of
from infra.kafka.admin import create, create_topics
from infra.store import outbox
from infra.store.database import Database
from models.names import Topic
from models.records import SampleColumns
from models.series import EntityRule
from models.wire.sample_records import encode
from tests.integration.faust_app import produce, read_all
from tests.integration.known_samples import KnownStream, apply_slo, assert_known, environment_of
from tests.integration.watch.test_exactly_once import settings_of, until_counted
from tests.integration.worker_process import WorkerProcess

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 2
RULE = EntityRule(("service",), ("instance",), "host")


def record(labels: dict[str, str], value: float = 1.0) -> bytes:
    return json.dumps({"metric": "latency_ms", "value": value, "timestamp": time.time(), "labels": labels}).encode()


def incompressible(n: int) -> str:
    return "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=n))


HOSTILE = {
    "a series name that no index row holds": (record({"service": "long", "x": incompressible(3_300)}), "name-too-long"),
    "a service of 300 letters": (record({"service": "s" * 300}), "name-too-long"),
    "a service of 28 Japanese letters": (record({"service": "監" * 28}), "name-too-long"),
    "a value at the end of the doubles": (record({"service": "shop"}, 1.7e308), "value-too-large"),
    "the same again, in the same minute": (record({"service": "shop"}, 1.7e308), "value-too-large"),
    "NUL in a label": (record({"service": "a\x00b"}), "bad-name"),
    "five megabytes": (random.Random(5).randbytes(5_000_000), "too-large"),
    "not even JSON": (b"\xff\xfe", "unparsable"),
}


async def test_one_record_of_each_kind_stops_nothing_and_none_vanishes(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path)
    metrics = settings.topic(Topic.METRICS)
    await create(kafka, [NewTopic(metrics, PARTITIONS, 1, topic_configs={"max.message.bytes": "8000000"})])
    await create_topics(settings)
    apply_slo(database)
    stream = KnownStream(1250, start_s=int(time.time()) - 1250)
    half = len(stream.records) // 2
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, metrics, stream.records[:half])
        producer = AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=8_000_000)
        await producer.start()
        for value, _ in HOSTILE.values():
            await producer.send_and_wait(metrics, value, partition=0)
        await producer.stop()
        await produce(kafka, metrics, stream.records[half:])
        await until_counted(database, stream.n_counted, worker)
        shown = worker.metrics()
        assert worker.stop() == 0
    assert_known(database, stream, PARTITIONS)
    assert "tidewatch_partition_stopped{" not in shown
    assert 'tidewatch_dependency_up{dependency="postgresql"} 1.0' in shown
    found = Counter(
        dict(letter.headers)["reason"].decode() for letter in await read_all(kafka, settings.topic(Topic.DEAD_LETTER))
    )
    assert found == Counter(reason for _, reason in HOSTILE.values())


async def test_what_an_earlier_version_let_through_is_parked_and_its_partition_goes_on(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    """Samples that are in `samples` already, of a service whose episodes no index row can name."""
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path)
    await create_topics(settings)
    apply_slo(database)
    start_s = int(time.time()) - 1250
    stream = KnownStream(1250, start_s)
    normal = np.random.default_rng(1).normal(100, 5, 1250)
    normal[700:760] += 500
    series = f'latency_ms{{instance="i",service="{incompressible(2_680)}"}}'
    times_ns = (np.arange(1250) + start_s) * 10**9
    old = SampleColumns([series], np.zeros(1250, np.int32), times_ns, normal)
    partition = partition_of(RULE.identify(series).entity.encode(), PARTITIONS)
    ((_, value),) = encode(old, np.zeros(1, np.int64), np.arange(1250), "old:0", time.time_ns())
    await produce(kafka, settings.topic(Topic.SAMPLES), [value], partition)
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        await produce(kafka, settings.topic(Topic.METRICS), stream.records)
        await until_counted(database, stream.n_counted, worker)
        shown = worker.metrics()
        assert worker.stop() == 0
    assert 'tidewatch_parked_total{what="episode"}' in shown
    assert "tidewatch_partition_stopped{" not in shown
    assert_known(database, stream, PARTITIONS)
    with database.transaction() as cursor:
        letters = [
            json.loads(event.value) for event in outbox.pending(cursor, 1000) if event.topic is Topic.DEAD_LETTER
        ]
    assert {letter["parked"] for letter in letters} == {"episode"}
    assert all("54000" in letter["detail"] and letter["partition"] == partition for letter in letters)
