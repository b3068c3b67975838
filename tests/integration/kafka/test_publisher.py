"""What is published arrives, whichever path of aiokafka's seam it takes."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from agents.kafka.publisher import Outgoing, Publisher
from agents.kafka.record_batch import pack
from infra.clock import SystemClock
from models.seams import Library, plain
from models.wire.byte_columns import ByteColumn
from tests.integration.faust_app import make_topic, read_all, settings_for

pytestmark = pytest.mark.timeout(90)

KEYS = [b"a", None, b"c", b"", b"e"] * 40
VALUES = [b"v" * (i * 37 % 9000) if i % 7 else None for i in range(len(KEYS))]
HEADERS = [("reason", b"unparsable")]

NOW_MS = 1_780_000_020_250


@pytest.fixture(autouse=True, params=["fast", "plain"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "fast":
        yield
    else:
        with plain(Library.AIOKAFKA):
            yield


async def test_records_arrive_once_in_order_in_their_partition_with_key_time_and_headers(
    kafka: str, topic_prefix: str
) -> None:
    topic = f"{topic_prefix}scores"
    await make_topic(kafka, topic, partitions=2)
    publisher = Publisher(settings_for(kafka, topic_prefix), "test", SystemClock(), Random(1))
    packed = list(pack(topic, np.arange(len(KEYS)) % 2, ByteColumn.of(KEYS), ByteColumn.of(VALUES), NOW_MS))
    single = [Outgoing(topic, b"first", b"k", 1, HEADERS), Outgoing(topic, b"second", None, 1)]
    try:
        await publisher.publish(single, packed)
    finally:
        await publisher.close()
    found = await read_all(kafka, topic)
    sent = [list(zip(KEYS, VALUES, strict=True))[which::2] for which in (0, 1)]
    for which, more in ((0, []), (1, [(b"k", b"first"), (None, b"second")])):
        mine = [record for record in found if record.partition == which]
        assert [(record.key, record.value) for record in mine] == sent[which] + more
        assert [record.offset for record in mine] == list(range(len(mine)))
        assert {record.timestamp for record in mine[:100]} == {packed[which].time_ms}
    assert [list(record.headers) for record in found if record.value == b"first"] == [HEADERS]
