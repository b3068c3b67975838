"""The services that every integration test stands on do what they are for."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.store.database import Database

pytestmark = pytest.mark.integration
CODECS = ("gzip", "snappy", "lz4", "zstd")


async def round_trip(bootstrap: str, topic: str) -> list[bytes]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    for codec in CODECS:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec) as producer:
            await producer.send_and_wait(topic, codec.encode() * 100, partition=0)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    ) as consumer:
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in CODECS]


def test_the_broker_carries_records_of_every_codec(kafka: str, topic_prefix: str) -> None:
    assert asyncio.run(round_trip(kafka, f"{topic_prefix}codecs")) == [codec.encode() * 100 for codec in CODECS]


def test_a_test_gets_a_migrated_database_with_nothing_in_it(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM slo")
        assert cursor.fetchone() == (0,)
