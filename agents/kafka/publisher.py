"""One idempotent Kafka producer of a role: publishes, waits for every answer, starts anew after a failure.

Records go out in batches made here: aiokafka's `send` of a single record takes 20 us for its futures and for choosing
the partition, appending to a batch takes one, and `Packed` ones have cost their share when they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from agents.kafka import aiokafka_seams
from agents.kafka.aiokafka_seams import RecordBatch
from agents.kafka.partitioning import partition_of
from agents.kafka.record_batch import unpack
from agents.kafka.records import Packed
from infra.clock import Clock
from infra.settings import Settings
from models.error_causes import ErrorCause, of_kafka
from models.errors import Rejected, Unavailable
from models.reasons import RejectReason

log = logging.getLogger(__name__)

MAX_BATCH_BYTES: Final = 1_000_000
"""Of one request to one partition: a micro-batch's output should fit in a few. Under a topic's default limit of
1,048,588 bytes even where compression makes it longer."""

REQUEST_TIMEOUT_MS: Final = 15_000
"""When an unanswered request counts as failed: longer than a failover takes, and a restart of a small broker."""

COMPRESSION: Final = "zstd"
"""0.3 us a sample for both topics of the stream, at 60 % of the size of lz4, for which aiokafka takes 1.2 us: it
compresses at the slowest level."""


class Outgoing(NamedTuple):
    """One record to publish; without `partition` the key decides, as with Kafka's default partitioner."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Publisher:
    """Publishes in order. Make it inside the event loop, `close` it at the end."""

    def __init__(self, settings: Settings, client_id: str, clock: Clock, chance: Random) -> None:
        self._servers = settings.kafka.split(",")
        self._client_id = client_id
        self._clock = clock
        self._chance = chance
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, records: Sequence[Outgoing], packed: Sequence[Packed] = ()) -> None:
        """Return when every in-sync replica has all of them. Several calls may be under way at once.

        Records of one partition keep their order as long as the caller awaits one call before the next. After an error
        some of them may be there; publishing all of them again is what the readers are made for.

        Raises:
            Unavailable: Kafka did not confirm all of them.
            Rejected: Kafka will never take one of them (`unstorable`).
            KafkaError: rights, policies, versions: ours to mend.
        """
        answers: list[asyncio.Future[object]] = []
        async with self._in_use() as producer:
            try:
                for one in packed:
                    for batch in _packed_batches(producer, one):
                        answers.append(await producer.send_batch(batch, one.topic, partition=one.partition))
                now_ms = self._clock.now_ns() // 1_000_000
                for (topic, partition), mine in (await self._by_partition(producer, records)).items():
                    for batch in _batches(producer, mine, now_ms):
                        answers.append(await producer.send_batch(batch, topic, partition=partition))
                await asyncio.gather(*answers)
            except (KafkaError, OSError):
                await asyncio.gather(*answers, return_exceptions=True)
                raise

    async def _by_partition(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing]
    ) -> dict[tuple[str, int], list[Outgoing]]:
        """The records by topic and partition, in order within each."""
        sizes = {topic: len(await producer.partitions_for(topic)) for topic in {record.topic for record in records}}
        if not all(sizes.values()):
            raise UnknownTopicOrPartitionError
        found: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            partition = record.partition
            if partition is None:
                size = sizes[record.topic]
                partition = self._chance.randrange(size) if record.key is None else partition_of(record.key, size)
            found.setdefault((record.topic, partition), []).append(record)
        return found

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has, one at least; raises `Unavailable`."""
        async with self._in_use() as producer:
            found = await producer.partitions_for(topic)
            if not found:
                raise UnknownTopicOrPartitionError
            return len(found)

    async def close(self) -> None:
        """Let go of the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    @asynccontextmanager
    async def _in_use(self) -> AsyncIterator[AIOKafkaProducer]:
        """The producer. One that fails can't be trusted with order: it is let go, and the next begins a new session."""
        producer: AIOKafkaProducer | None = None
        try:
            async with self._starting:
                producer = await self._started()
            yield producer
        except (KafkaError, OSError) as error:
            if producer is not None:
                if self._producer is producer:
                    self._producer = None
                await _stop(producer)
            cause = of_kafka(getattr(error, "errno", None)) if isinstance(error, KafkaError) else ErrorCause.PASSING
            if cause is ErrorCause.OURS:
                raise
            if cause is ErrorCause.DATA:
                raise Rejected(RejectReason.UNSTORABLE, f"{type(error).__name__}: {error}") from error
            raise Unavailable("Kafka", str(error) or type(error).__name__) from error

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id=self._client_id,
                enable_idempotence=True,
                acks="all",
                compression_type=COMPRESSION,
                linger_ms=0,
                max_batch_size=MAX_BATCH_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, asyncio.TimeoutError, OSError):  # it may have failed before
        await asyncio.wait_for(producer.stop(), 2.0)


def _packed_batches(producer: AIOKafkaProducer, packed: Packed) -> Iterator[Any]:
    """Batches of what was packed: on the fast path as it is, on the plain one record by record."""
    if aiokafka_seams.SEAM.fast:
        yield RecordBatch(packed)
        return
    keys, values = unpack(packed)
    records = [Outgoing(packed.topic, values.at(i), keys.at(i)) for i in range(packed.n_records)]
    yield from _batches(producer, records, packed.time_ms)


def _batches(producer: AIOKafkaProducer, records: Sequence[Outgoing], time_ms: int) -> Iterator[Any]:
    """The records of one partition in as few batches as they fit in; one that is larger than a batch goes alone."""
    batch = producer.create_batch()
    for record in records:
        if not _append(batch, record, time_ms):
            yield batch
            batch = producer.create_batch()
            _append(batch, record, time_ms)
    yield batch


def _append(batch: Any, record: Outgoing, time_ms: int) -> bool:
    """Whether there was room for the record; there always is in an empty batch."""
    done = batch.append(timestamp=time_ms, key=record.key, value=record.value, headers=list(record.headers))
    return done is not None
