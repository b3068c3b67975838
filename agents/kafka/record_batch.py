"""Record batches made at once: many small records become one compressed body, which aiokafka sends as it is.

aiokafka's own builder is given records one by one, which takes as long as making their values; nothing but the way in
which a batch comes about is ours, delivery stays aiokafka's. Source: Kafka's documentation, "Record Batch".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cramjam
import numpy as np
from aiokafka.errors import CorruptRecordException
from numpy.typing import NDArray

from agents.kafka.records import Packed
from models.wire.byte_columns import ByteColumn, parts
from models.wire.kafka_record_batch import RecordLayout, RecordSpan, laid_out, lay_out

MAX_BODY_BYTES: Final = 1024 * 1024
"""Keys and values of one batch, uncompressed: a broker takes batches of 1 MiB unless it is told otherwise."""

LEVEL: Final = 1
"""Of zstd: two thirds of the time of Kafka's usual 3, and scores come out no larger."""


def pack(
    topic: str, partitions: NDArray[np.int64], keys: ByteColumn, values: ByteColumn, now_ms: int
) -> Iterator[Packed]:
    """Records by partition, in order within each.

    Args:
        partitions: int64 `(n_records,)`, where each goes.
        now_ms: the present, which the records carry as their time.
    """
    for partition in np.unique(partitions).tolist():
        mine = np.flatnonzero(partitions == partition)
        size = np.maximum(keys.length[mine], 0) + np.maximum(values.length[mine], 0)
        for rows in (mine[part] for part in parts(size, MAX_BODY_BYTES, len(mine))):
            records = laid_out(keys.chosen(rows), values.chosen(rows)).data
            yield Packed(topic, partition, len(rows), now_ms, bytes(cramjam.zstd.compress(records, level=LEVEL)))


def unpack(packed: Packed) -> tuple[ByteColumn, ByteColumn]:
    """Keys and values of what `pack` packed, for a producer that takes records one by one."""
    data = np.frombuffer(bytes(cramjam.zstd.decompress(packed.body)), np.uint8)
    layout = RecordLayout.room(packed.n_records)
    if not lay_out(data, RecordSpan(0, len(data), 0, packed.n_records, 0, packed.time_ms, -1), layout):
        raise CorruptRecordException(f"what was packed for {packed.topic} are no records")
    return ByteColumn(data, layout.key_start, layout.key_length), ByteColumn(
        data, layout.value_start, layout.value_length
    )
