"""The outbox relay: publishes what transactions left in `outbox` to Kafka, in order, at least once.

1. read the oldest unpublished rows, in id order;
2. send them, the row's key as the record key and its `event_id` as the header `id`; wait for every replica's answer;
3. mark the rows that Kafka confirmed.

Dying between 2 and 3 publishes the same rows again under the same ids. One worker at a time relays (an advisory lock),
so the events of one key stay in order. When Kafka or PostgreSQL is down the rows wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, ParamSpec, TypeVar

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from prometheus_client import Gauge

from agents.worker.context import Context
from agents.worker.retry import Dependencies
from agents.worker.solo import Solo
from infra.settings import Settings
from infra.store import outbox, pg_channels
from infra.store.database import Database
from infra.store.outbox import PendingEvent
from models.errors import Unavailable
from models.names import Metric

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

LOCK: Final = "tidewatch-outbox"

BATCH_ROWS: Final = 500
"""Rows published together; bounds memory and what a crash publishes again. A few times what one busy second decides."""

POLL_S: Final = 1.0
"""Longest rest between two looks at the table. `put` wakes the relay at once; this is for a notification lost with its
connection, and bounds how long closing takes."""

CLEANING_S: Final = 3600.0
"""Between two deletions of old published rows: far shorter than their retention."""

REQUEST_TIMEOUT_MS: Final = 10_000
"""When an unanswered request to Kafka counts as failed: longer than a broker's failover, short enough to be noticed."""

ID_HEADER: Final = "id"


class OutboxRelay:
    """Relays while `serve` runs and the lock is ours.

    Args:
        settings: bootstrap servers and topic prefix.
        database: where the outbox is; used from the relay's own thread only.
        dependencies: waits out outages of PostgreSQL and Kafka.
        waiting: gauge that shows how many rows wait.
        steady_s: a steady clock, seconds.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        dependencies: Dependencies,
        waiting: Gauge,
        steady_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._database = database
        self._dependencies = dependencies
        self._waiting = waiting
        self._steady_s = steady_s
        self._solo = Solo(database, LOCK)
        self._producer: AIOKafkaProducer | None = None
        self._next_cleaning_steady_s = -math.inf
        self._too_large: set[int] = set()

    async def serve(self) -> None:
        """Relay until cancelled."""
        try:
            await self._solo.repeat(self._turn, while_elsewhere=lambda: self._waiting.set(0))
        finally:
            await self._stop_producer()
            await self._solo.close()

    async def _turn(self) -> None:
        """Everything that waits, and the rest until something new does."""
        await self._in_database(pg_channels.listen, self._database, outbox.CHANNEL)
        while await self._dependencies.until_available("kafka", self._relay_batch) == BATCH_ROWS:
            pass
        await self._clean()
        await self._in_database(pg_channels.wait, self._database, POLL_S)

    async def _in_database(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(self._solo.run, function, *args, **kwargs)
        return await self._dependencies.until_available("postgresql", call)

    async def _relay_batch(self) -> int:
        """Publish the oldest rows, at most `BATCH_ROWS`; how many. Raises `Unavailable` unless Kafka confirms all."""
        events = await self._in_database(self._read)
        if not events:
            return 0
        try:
            confirmed, failure = await self._publish(events)
        except KafkaError as error:
            confirmed, failure = [], error
        await self._in_database(self._mark, confirmed)
        if failure is not None:
            await self._stop_producer()
            raise Unavailable("Kafka", str(failure) or type(failure).__name__) from failure
        return len(confirmed)

    def _read(self) -> list[PendingEvent]:
        with self._database.transaction() as cursor:
            events = outbox.pending(cursor, BATCH_ROWS)
            count = len(events) if len(events) < BATCH_ROWS else outbox.count_pending(cursor)
        self._waiting.set(count)
        return events

    def _mark(self, ids: Sequence[int]) -> None:
        with self._database.transaction() as cursor:
            outbox.mark_published(cursor, ids)
        self._waiting.dec(len(ids))

    async def _publish(self, events: Sequence[PendingEvent]) -> tuple[list[int], KafkaError | None]:
        """Ids of the rows that every in-sync replica has, and the first failure among the others."""
        producer = await self._started_producer()
        answers: dict[int, asyncio.Future[object]] = {}
        failure: KafkaError | None = None
        for event in events:
            try:
                answers[event.id] = await self._send(producer, event)
            except MessageSizeTooLargeError as error:
                self._tell_too_large(event.id, error)
            except KafkaError as error:
                failure = error
                break
        await asyncio.gather(*answers.values(), return_exceptions=True)
        confirmed = []
        for row, answer in answers.items():
            problem = answer.exception()
            if problem is None:
                confirmed.append(row)
            elif isinstance(problem, MessageSizeTooLargeError):
                self._tell_too_large(row, problem)
            elif isinstance(problem, KafkaError):
                failure = failure or problem
            else:
                raise problem
        return confirmed, failure

    def _tell_too_large(self, row: int, error: MessageSizeTooLargeError) -> None:
        """Say once that a row can't leave. It stays and shows in the gauge; Kafka is well, and the others go on."""
        if row not in self._too_large:
            log.error("row %d of the outbox is too large for Kafka and stays there: %s", row, error)
            self._too_large.add(row)

    async def _send(self, producer: AIOKafkaProducer, event: PendingEvent) -> asyncio.Future[object]:
        future: asyncio.Future[object] = await producer.send(
            self._settings.topic(event.topic),
            key=event.key.encode(),
            value=event.value,
            headers=[(ID_HEADER, event.event_id.encode())],
        )
        return future

    async def _started_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.kafka,
                enable_idempotence=True,
                acks="all",
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            await self._producer.start()
        return self._producer

    async def _stop_producer(self) -> None:
        """Let go of the producer: the next one starts a new session, with sequence numbers of its own."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, asyncio.TimeoutError):  # it failed before: this is for its sockets
                await asyncio.wait_for(producer.stop(), REQUEST_TIMEOUT_MS / 1000)

    async def _clean(self) -> None:
        steady_s = self._steady_s()
        if steady_s >= self._next_cleaning_steady_s:
            await self._in_database(self._delete_old)
            self._next_cleaning_steady_s = steady_s + CLEANING_S

    def _delete_old(self) -> None:
        with self._database.transaction() as cursor:
            outbox.delete_published(cursor)


def attach(app: faust.App, context: Context) -> None:
    """Let the worker relay the outbox whenever no other worker does."""
    meaning = "Events that wait for Kafka, as the relaying worker sees them."
    waiting = Gauge(Metric.OUTBOX_PENDING.value, meaning, registry=context.registry)
    relay = OutboxRelay(context.settings, context.database, context.dependencies, waiting, context.clock.steady_s)

    @app.task  # type: ignore[untyped-decorator]
    async def relay_outbox() -> None:
        await relay.serve()
