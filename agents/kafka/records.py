"""Records as they come from Kafka, and as they go there."""

from __future__ import annotations

from typing import NamedTuple


class FetchedRecord(NamedTuple):
    """One record. `timestamp` is in ms, by the broker or the producer."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Packed(NamedTuple):
    """Records of one partition, ready to be sent as often as it takes.

    Attributes:
        time_ms: of all of them, epoch milliseconds. body: the records, compressed with zstd.
    """

    topic: str
    partition: int
    n_records: int
    time_ms: int
    body: bytes
