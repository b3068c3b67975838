"""Record batches made at once: many small records become one compressed body, which aiokafka sends as it is.

aiokafka's own builder is given records one by one, which takes as long as making their values; nothing but the way in
which a batch comes about is ours, delivery stays aiokafka's. Source: Kafka's documentation, "Record Batch".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import cramjam
import numpy as np
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from numpy.typing import NDArray

from models.wire.byte_columns import Texts, parts
from models.wire.kafka_record_batch import FRAME, HEADER, laid_out

MAX_BODY_BYTES: Final = 1024 * 1024
"""Keys and values of one batch, uncompressed: a broker takes batches of 1 MiB unless it is told otherwise."""

LEVEL: Final = 1
"""Of zstd: two thirds of the time of Kafka's usual 3, and scores come out no larger."""

_ZSTD: Final = 4
_FORMAT: Final = 2
_CHECKED_FROM: Final = 21
"""The checksum is of what follows it."""


class Packed(NamedTuple):
    """Records of one partition, ready to be sent as often as it takes.

    Attributes:
        time_ms: of all of them, epoch milliseconds. body: the records, compressed.
    """

    topic: str
    partition: int
    n_records: int
    time_ms: int
    body: bytes


def pack(topic: str, partitions: NDArray[np.int64], keys: Texts, values: Texts) -> Iterator[Packed]:
    """Records by partition, in order within each.

    Args:
        partitions: int64 `(n_records,)`, where each goes.
    """
    now_ms = int(time.time() * 1000)
    for partition in np.unique(partitions).tolist():
        mine = np.flatnonzero(partitions == partition)
        size = np.maximum(keys.length[mine], 0) + np.maximum(values.length[mine], 0)
        for rows in (mine[part] for part in parts(size, MAX_BODY_BYTES, len(mine))):
            records = laid_out(keys.chosen(rows), values.chosen(rows)).data
            yield Packed(topic, partition, len(rows), now_ms, bytes(cramjam.zstd.compress(records, level=LEVEL)))


class RecordBatch(BatchBuilder):  # type: ignore[misc]
    """What aiokafka's producer takes for a batch that is full."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._producer = -1, -1, -1

    def append(self, **_: Any) -> None:
        """There is no room."""

    def close(self) -> None:
        """It is."""

    def closed(self) -> bool:
        return True

    def record_count(self) -> int:
        return self._packed.n_records

    def size(self) -> int:
        return HEADER.size + len(self._packed.body)

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._producer = producer_id, producer_epoch, base_sequence

    def _build(self) -> bytes:
        n, time_ms, body = self._packed.n_records, self._packed.time_ms, self._packed.body
        checked = _ZSTD, n - 1, time_ms, time_ms, *self._producer, n
        frame = 0, self.size() - FRAME.size, 0, _FORMAT
        checksum = calc_crc32c(HEADER.pack(*frame, 0, *checked)[_CHECKED_FROM:] + body)
        return HEADER.pack(*frame, checksum, *checked) + body
