"""The ids of the topics that a worker reads, as the brokers said last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from aiokafka import TopicPartition
from faust.types import TP

from infra.kafka.admin import committed_metadata
from infra.kafka.identity import NOTHING_KNOWN, ClusterIds, ask_ids
from infra.settings import Settings
from models.errors import Unavailable
from models.names import Topic
from models.stream.identity import StreamIdentity

log = logging.getLogger(__name__)


class TopicIds:
    """Asks for the ids of `metrics` and `samples`, the topics whose offsets are stored.

    Args:
        on_recreated: hears the name of a topic that has another id than before.
    """

    def __init__(self, settings: Settings, on_recreated: Callable[[str], None]) -> None:
        self._on_recreated = on_recreated
        self._topics = [settings.topic(topic) for topic in (Topic.METRICS, Topic.SAMPLES)]
        self._servers, self._group = settings.kafka, settings.group
        self._ids: ClusterIds = NOTHING_KNOWN

    def identity(self, topic: str) -> StreamIdentity:
        """Ids of a topic and its cluster; unknown before the first answer."""
        return self._ids.identity(topic)

    async def ask(self) -> ClusterIds:
        """Ids as they are now; a topic that is not there at present keeps the one it had. Raises `Unavailable`."""
        found = await asyncio.to_thread(ask_ids, self._servers, self._topics)
        before = self._ids.topic_ids
        for topic, topic_id in found.topic_ids.items():
            if before.get(topic, topic_id) != topic_id:
                log.warning("%s was made anew: it is topic %s now, and was %s", topic, topic_id, before[topic])
                self._on_recreated(topic)
        self._ids = found._replace(topic_ids={**before, **found.topic_ids})
        return self._ids

    async def of_committed(self, partitions: Iterable[TP]) -> dict[TP, str]:
        """Ids of the topics that the group's committed offsets were committed for; none where no broker answers."""
        wanted = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        try:
            found = await committed_metadata(self._servers, self._group, wanted)
        except Unavailable as error:
            log.info("what the offsets were committed for is not known: %s", error)
            return {}
        return {TP(tp.topic, tp.partition): metadata for tp, metadata in found.items()}

    async def refresh(self) -> None:
        """`ask`, and where nobody answers go on with what is known."""
        try:
            await self.ask()
        except Unavailable as error:
            log.info("the ids of the topics are as last known: %s", error)
