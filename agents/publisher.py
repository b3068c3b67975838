"""One idempotent Kafka producer of a role: publishes, waits for every answer, starts anew after a failure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from infra.settings import Settings
from models.errors import Unavailable

log = logging.getLogger(__name__)

MAX_BATCH_BYTES: Final = 1024 * 1024
"""Of one request to one partition: a micro-batch's output should fit in a few."""

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
"""Of a record before compression, which is what aiokafka measures; the broker measures what arrives."""

REQUEST_TIMEOUT_MS: Final = 15_000
"""When an unanswered request counts as failed: longer than a failover takes, and a restart of a small broker."""


class Outgoing(NamedTuple):
    """One record to publish; without `partition` the key decides, as with Kafka's default partitioner."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Publisher:
    """Publishes in order. Make it inside the event loop, `close` it at the end."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._servers = settings.kafka.split(",")
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return when every in-sync replica has all of `records`.

        Records of one partition keep their order as long as the caller awaits one call before the next. After an error
        some of them may be there; publishing all of them again is what the readers are made for.

        Raises:
            Unavailable: Kafka did not confirm all of them.
            MessageSizeTooLargeError: a record that Kafka will never take.
        """
        answers: list[asyncio.Future[object]] = []
        try:
            producer = await self._started()
            for record in records:
                answers.append(
                    await producer.send(
                        record.topic,
                        record.value,
                        key=record.key,
                        partition=record.partition,
                        headers=list(record.headers),
                    )
                )
            await asyncio.gather(*answers)
        except MessageSizeTooLargeError:
            raise
        except (KafkaError, OSError) as error:
            await asyncio.gather(*answers, return_exceptions=True)
            await self.close()
            raise Unavailable("Kafka", str(error) or type(error).__name__) from error

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; raises `Unavailable`."""
        try:
            return len(await (await self._started()).partitions_for(topic))
        except (KafkaError, OSError) as error:
            await self.close()
            raise Unavailable("Kafka", str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Let go of the producer. One that failed can't be trusted with order; the next begins a new session."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, asyncio.TimeoutError, OSError):    # it may have failed before
                await asyncio.wait_for(producer.stop(), 2.0)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id=self._client_id,
                enable_idempotence=True,
                acks="all",
                compression_type="lz4",
                linger_ms=0,
                max_batch_size=MAX_BATCH_BYTES,
                max_request_size=MAX_REQUEST_BYTES,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer
