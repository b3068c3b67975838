"""Which stream an offset belongs to: a cluster and a topic of it. An offset alone means nothing once either changes."""

from __future__ import annotations

from typing import NamedTuple

from models.reasons import IdentityCheck


class StreamIdentity(NamedTuple):
    """Ids of a Kafka cluster and of one of its topics (KIP-516); empty where they are not known."""

    cluster_id: str = ""
    topic_id: str = ""


UNKNOWN = StreamIdentity()


def check_identity(stored: StreamIdentity, present: StreamIdentity) -> IdentityCheck:
    """Whether an offset that was stored for one stream may be used for the present one.

    >>> check_identity(StreamIdentity("c", "t"), StreamIdentity("c", "u")).value
    'topic-made-anew'
    """
    if not present.cluster_id or not present.topic_id:
        return IdentityCheck.NOT_KNOWN
    if not stored.cluster_id:
        return IdentityCheck.ADOPTED
    if stored.cluster_id != present.cluster_id:
        return IdentityCheck.OTHER_CLUSTER
    return IdentityCheck.SAME if stored.topic_id == present.topic_id else IdentityCheck.TOPIC_MADE_ANEW


def source_name(topic: str, topic_id: str, partition: int) -> str:
    """Name of a partition of one topic in particular: a topic of the same name that is made anew has others.

    >>> source_name("metrics", "q0", 3), source_name("metrics", "", 3)
    ('metrics@q0:3', 'metrics:3')
    """
    return f"{topic}@{topic_id}:{partition}" if topic_id else f"{topic}:{partition}"


def source_parts(name: str) -> tuple[str, str, int]:
    """Topic, topic id (empty where it was not known) and partition of a source's name.

    >>> source_parts("metrics@q0:3"), source_parts("metrics:3")
    (('metrics', 'q0', 3), ('metrics', '', 3))
    """
    named, _, partition = name.rpartition(":")
    topic, _, topic_id = named.partition("@")  # no topic's name contains it
    return topic, topic_id, int(partition)
