"""Micro-batches: what one fetch returned for one partition, what was handed out of it, and what is acknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from faust.types import TP, StreamT

from agents.offsets import PartitionLedger, Span

WAITING_BATCHES: Final = 2
"""Batches of one partition that may wait for their agent: one to go on with at once, one more so that a fetch overlaps.
Times `batch_max_bytes` and the partitions, this is what a backlog may hold in memory."""

BATCH_MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of record values in one batch. A highly compressed fetch of 4 MiB can hold ten times that."""

class Record(Protocol):
    """The parts of aiokafka's `ConsumerRecord` that agents read; `timestamp` is in ms, by the broker or the
    producer."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class MicroBatch:
    """What one fetch returned for one partition, in offset order. Nothing about it is acknowledged until `ack()`.

    Attributes:
        topic, partition: where it comes from.
        records: aiokafka records: offset, timestamp (ms), key, value (bytes or None), headers.
        first_offset, last_offset: of the records, inclusive.
    """

    __slots__ = ("_ledger", "_span", "first_offset", "last_offset", "partition", "records", "topic")

    def __init__(self, tp: TP, records: Sequence[Record], ledger: Deliveries, span: Span) -> None:
        self.topic, self.partition = tp.topic, tp.partition
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


class Deliveries(PartitionLedger):
    """The ledger of a partition since it was last assigned or sought."""

    def __init__(self, position: int, on_room: Callable[[], None]) -> None:
        super().__init__(position)
        self.live = True
        self.doubted: int | None = None
        self._waiting = 0
        self._on_room = on_room

    def hand_out(self, first: int, last: int) -> Span:
        self._waiting += 1
        return super().hand_out(first, last)

    def taken(self) -> None:
        self._waiting -= 1
        self._on_room()

    @property
    def has_room(self) -> bool:
        return self._waiting < WAITING_BATCHES


def split(records: Sequence[Record], max_records: int, max_bytes: int) -> Iterator[Sequence[Record]]:
    """Consecutive parts of `records`, each within both limits where a single record is."""
    start, size = 0, 0
    for index, record in enumerate(records):
        length = len(record.value) if record.value is not None else 0
        if index > start and (index - start == max_records or size + length > max_bytes):
            yield records[start:index]
            start, size = index, 0
        size += length
    if start < len(records):
        yield records[start:]
