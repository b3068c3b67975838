"""Creates the topics that Tidewatch needs and leaves those that exist as they are."""

from __future__ import annotations

from typing import Final

from kafka.admin import KafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from kafka.errors import KafkaError, TopicAlreadyExistsError  # type: ignore[import-untyped]

from infra.settings import Settings
from models.errors import Unavailable
from models.names import Topic

DAY_MS: Final = 86_400_000

RETENTION_MS: Final[dict[Topic, int]] = {
    Topic.METRICS: 7 * DAY_MS,          # a week of raw input: what a rebuilt lake or a dead-letter replay may need
    Topic.SAMPLES: 2 * DAY_MS,          # far more than the longest replay from a snapshot
    Topic.SCORES: 7 * DAY_MS,
    Topic.DRIFT: 30 * DAY_MS,
    Topic.ALERTS: 30 * DAY_MS,
    Topic.RETRAIN: 30 * DAY_MS,
    Topic.DEAD_LETTER: 14 * DAY_MS,     # time for people to look and replay
}

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
"""Of `samples`: one record is a micro-batch's samples of one partition, 28 bytes each and their names."""

REQUEST_TIMEOUT_MS: Final = 10_000


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
    return NewTopic(settings.topic(topic), settings.partitions, settings.replication, topic_configs=configs)


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing; returns the names that were created.

    Raises:
        Unavailable: no broker answers, or it refuses for now.
    """
    try:
        client = KafkaAdminClient(
            bootstrap_servers=settings.kafka.split(","),
            client_id="tidewatch-admin",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            existing = set(client.list_topics())
            return [topic.name for topic in topics(settings) if topic.name not in existing and _create(client, topic)]
        finally:
            client.close()
    except (KafkaError, OSError) as error:
        raise Unavailable("Kafka", str(error) or type(error).__name__) from error


def _create(client: KafkaAdminClient, topic: NewTopic) -> bool:
    try:
        client.create_topics([topic])
    except TopicAlreadyExistsError:     # another worker was quicker
        return False
    return True

