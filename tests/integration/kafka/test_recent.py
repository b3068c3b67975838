"""Reading a topic since a moment."""

from __future__ import annotations

import time

import pytest

from infra.kafka.recent import recent
from models.errors import Unavailable
from tests.integration.faust_app import make_topic, produce


async def test_records_of_every_partition_since_a_moment_and_not_before(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}looked-at"
    await make_topic(kafka, topic, partitions=2)
    await produce(kafka, topic, [b"old"])
    since_ms = int(time.time() * 1000) + 1
    while int(time.time() * 1000) <= since_ms:
        pass
    await produce(kafka, topic, [b"a", b"b"], partition=0)
    await produce(kafka, topic, [b"c"], partition=1)
    assert sorted(record.value for record in recent(kafka, topic, since_ms)) == [b"a", b"b", b"c"]
    assert sorted(record.value for record in recent(kafka, topic, 0)) == [b"a", b"b", b"c", b"old"]


async def test_reading_ends_where_the_topic_ended_when_it_began(kafka: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}growing"
    await make_topic(kafka, topic)
    await produce(kafka, topic, [b"1", b"2"])
    reading = recent(kafka, topic, 0)
    assert next(reading).value == b"1"
    await produce(kafka, topic, [b"3"])
    assert [record.value for record in reading] == [b"2"]


def test_a_broker_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable, match="no answer from 127.0.0.1:1"):
        list(recent("127.0.0.1:1", "any", 0))
