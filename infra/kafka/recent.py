"""The records of a topic since a moment, up to where it ended when the reading began."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka.probe import probe
from models.errors import Unavailable

POLL_MS: Final = 500
BOOTSTRAP_TIMEOUT_MS: Final = 5_000


def recent(servers: str, topic: str, since_ms: int) -> Iterator[Any]:
    """The client's records (`topic, partition, offset, timestamp` in ms, `key, value, headers`), a partition at a time.

    Args:
        servers: host:port, separated by commas.
        since_ms: records that Kafka stamped earlier are left out; milliseconds since the epoch.

    Raises:
        Unavailable: no broker answers, or it has no such topic.
    """
    probe(servers)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=servers.split(","),
            client_id="tidewatch-look",
            group_id=None,
            enable_auto_commit=False,
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        )
    except KafkaError as error:
        raise Unavailable("Kafka", f"no answer from {servers}: {error or type(error).__name__}") from error
    try:
        yield from _read(consumer, topic, since_ms)
    except KafkaError as error:
        raise Unavailable("Kafka", f"topic {topic}: {error or type(error).__name__}") from error
    finally:
        consumer.close()


def _read(consumer: KafkaConsumer, topic: str, since_ms: int) -> Iterator[Any]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Unavailable("Kafka", f"there is no topic {topic}: has a worker run yet?")
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    ends = consumer.end_offsets(partitions)
    starts = consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    waiting = {}
    for partition, start in starts.items():
        if start is not None and start.offset < ends[partition]:
            waiting[partition] = start.offset
    consumer.assign(list(waiting))
    for partition, offset in waiting.items():
        consumer.seek(partition, offset)
    while any(consumer.position(partition) < ends[partition] for partition in waiting):
        for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
            yield from (record for record in records if record.offset < ends[partition])
