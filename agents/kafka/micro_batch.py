"""Micro-batches: what one fetch returned for one partition, what was handed out of it, and what is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from faust.types import TP, StreamT

from agents.kafka.fetched import Fetched
from models.stream.offsets import OffsetRange, PartitionLedger

WAITING_BATCHES: Final = 2
"""Batches of one partition that may wait for their agent: one to go on with at once, one more so that a fetch overlaps.
Times `batch_max_bytes` and the partitions, this is what a backlog may hold in memory."""

BATCH_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of record values in one batch: 130,000 samples of the `samples` topic, whose fold takes some 50 MB. A highly
compressed fetch can hold ten times what was fetched."""


class MicroBatch:
    """What one fetch returned for one partition, in offset order. Nothing about it is acknowledged until `ack()`.

    Attributes:
        topic, partition: where it comes from.
        topic_id: which topic of that name; empty where it is not known.
        records: records of the partition; a `Record` each, or as arrays.
        first_offset, last_offset: of the records, inclusive.
    """

    __slots__ = ("_ledger", "_span", "first_offset", "last_offset", "partition", "records", "topic", "topic_id")

    def __init__(self, tp: TP, records: Fetched, ledger: Deliveries, span: OffsetRange) -> None:
        self.topic, self.partition, self.topic_id = tp.topic, tp.partition, ledger.topic_id
        self.records = records
        self.first_offset, self.last_offset = span.first, span.last
        self._ledger = ledger
        self._span = span

    @property
    def stale(self) -> bool:
        """Whether the partition was revoked or sought since: its records are delivered again, here or elsewhere."""
        return not self._ledger.live

    def ack(self) -> None:
        """Tell that the effects of this batch are durable. An acknowledgement of a stale batch changes nothing."""
        self._ledger.acknowledge(self._span)

    def taken(self) -> None:
        """Tell that the agent has begun with it: the next fetch of the partition may go on."""
        self._ledger.taken()

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"MicroBatch({self.topic}:{self.partition}, {self.first_offset}..{self.last_offset})"


async def micro_batches(stream: StreamT[Any]) -> AsyncIterator[MicroBatch]:
    """The micro-batches of an agent's stream, stale ones left out."""
    stream.enable_acks = False
    async for batch in stream:
        batch.taken()
        if not batch.stale:
            yield batch


async def side_by_side(stream: StreamT[Any], process: Callable[[MicroBatch], Awaitable[None]]) -> None:
    """Hand the micro-batches of an agent's stream to `process`: one after the other of each partition, partitions side
    by side, so that one does not wait while another's results are on their way to a disk.

    Raises what `process` raises, once the others are cancelled.
    """
    stream.enable_acks = False
    newest: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def take(batch: MicroBatch, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
            if before.cancelled() or before.exception():  # nothing may go on from where that did not get to
                return
        batch.taken()
        if not batch.stale:
            await process(batch)

    try:
        async with asyncio.TaskGroup() as group:
            async for batch in stream:
                partition = batch.topic, batch.partition
                newest[partition] = group.create_task(take(batch, newest.get(partition)))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


class Deliveries(PartitionLedger):
    """The ledger of a partition since it was last assigned or sought."""

    def __init__(self, position: int, on_room: Callable[[], None], topic_id: str = "") -> None:
        super().__init__(position)
        self.topic_id = topic_id
        self.live = True
        self.doubted: int | None = None
        self._waiting = 0
        self._on_room = on_room

    def hand_out(self, first: int, last: int) -> OffsetRange:
        self._waiting += 1
        return super().hand_out(first, last)

    def taken(self) -> None:
        self._waiting -= 1
        self._on_room()

    @property
    def has_room(self) -> bool:
        return self._waiting < WAITING_BATCHES
