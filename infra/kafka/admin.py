"""Creates the topics that Tidewatch needs and leaves those that exist as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from infra.kafka.probe import probe
from infra.settings import Settings
from models.errors import Unavailable
from models.names import Topic
from models.timestamps import DAY_S

DAY_MS: Final = 1_000 * DAY_S

RETENTION_MS: Final[dict[Topic, int]] = {
    Topic.METRICS: 7 * DAY_MS,  # a week of raw input: what a rebuilt lake or a dead-letter replay may need
    Topic.SAMPLES: 2 * DAY_MS,  # far more than the longest replay from a snapshot
    Topic.SCORES: 7 * DAY_MS,
    Topic.DRIFT: 30 * DAY_MS,
    Topic.ALERTS: 30 * DAY_MS,
    Topic.RETRAIN: 30 * DAY_MS,
    Topic.DEAD_LETTER: 14 * DAY_MS,  # time for people to look and replay
}

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Of `samples`: one record is a micro-batch's samples of one partition, 28 bytes each and their names."""

MAX_LETTER_BYTES: Final = 2 * 1024 * 1024
"""Of dead letters: a record at Kafka's default limit of 1 MiB, and our headers."""

REQUEST_TIMEOUT_MS: Final = 10_000

TOPIC_EXISTS: Final = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS: another worker was quicker."""


def topics(settings: Settings) -> list[NewTopic]:
    """Every topic with its partitions, retention and compaction."""
    return [_topic(settings, topic) for topic in Topic]


def _topic(settings: Settings, topic: Topic) -> NewTopic:
    if topic is Topic.MODELS:
        # one small record a service, read whole by every worker: one partition keeps the order of announcements
        return NewTopic(settings.topic(topic), 1, settings.replication, topic_configs={"cleanup.policy": "compact"})
    configs = {"cleanup.policy": "delete", "retention.ms": str(RETENTION_MS[topic])}
    if topic is Topic.SAMPLES:
        configs["max.message.bytes"] = str(MAX_MESSAGE_BYTES)
    if topic is Topic.DEAD_LETTER:
        configs["max.message.bytes"] = str(MAX_LETTER_BYTES)
    return NewTopic(settings.topic(topic), settings.partitions, settings.replication, topic_configs=configs)


async def create_topics(settings: Settings) -> list[str]:
    """Create what is missing; returns the names that were created.

    Raises:
        Unavailable: no broker answers, or it refuses for now.
    """
    return await create(settings.kafka, topics(settings))


def create_topics_blocking(settings: Settings) -> list[str]:
    """`create_topics` for callers without an event loop."""
    return asyncio.run(create_topics(settings))


def missing_topics_blocking(settings: Settings, timeout_ms: int = REQUEST_TIMEOUT_MS) -> list[str]:
    """Names of the topics that `create_topics` would create; raises `Unavailable`."""
    probe(settings.kafka)
    wanted = [topic.name for topic in topics(settings)]
    there = asyncio.run(_existing(settings.kafka, timeout_ms))
    return [name for name in wanted if name not in there]


async def _existing(servers: str, timeout_ms: int) -> set[str]:
    async with _client(servers, timeout_ms) as client:
        return set(await client.list_topics())


@asynccontextmanager
async def _client(servers: str, timeout_ms: int = REQUEST_TIMEOUT_MS) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that is connected; what Kafka says in the block is raised as `Unavailable`."""
    client = AIOKafkaAdminClient(
        bootstrap_servers=servers.split(","), client_id="tidewatch-admin", request_timeout_ms=timeout_ms
    )
    try:
        await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise Unavailable("Kafka", f"{servers}: {str(error) or type(error).__name__}") from error
    finally:
        await client.close()


async def create(servers: str, wanted: Sequence[NewTopic]) -> list[str]:
    """Create those of `wanted` that are missing; returns the names that were created. Raises `Unavailable`."""
    async with _client(servers) as client:
        existing = set(await client.list_topics())
        missing = [topic for topic in wanted if topic.name not in existing]
        if not missing:
            return []
        answer = await client.create_topics(missing)
    outcomes = {name: code for name, code, *_ in answer.topic_errors}
    for name, code in outcomes.items():
        if code not in (0, TOPIC_EXISTS):
            raise Unavailable("Kafka", f"topic {name}: {for_code(code).__name__}")
    return [name for name, code in outcomes.items() if code == 0]


async def committed_metadata(
    servers: str, group: str, partitions: Sequence[TopicPartition], timeout_ms: int = 5_000
) -> dict[TopicPartition, str]:
    """What a group's offsets were committed with; partitions without one are left out. Raises `Unavailable`."""
    async with _client(servers, timeout_ms) as client:
        found = await client.list_consumer_group_offsets(group, partitions=list(partitions))
    return {partition: committed.metadata for partition, committed in found.items() if committed.offset >= 0}
