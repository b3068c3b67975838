"""What one fetch returned for one partition: records as arrays over one buffer, made objects of only where asked.

On the fast path (`aiokafka_seams`) a consumer hands over whole record batches, which a compiled loop takes apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
from aiokafka.errors import CorruptRecordException
from faust.types import TP
from numpy.typing import NDArray

from agents.kafka.aiokafka_seams import Batch
from agents.kafka.records import FetchedRecord
from models.wire.byte_columns import ByteColumn, parts
from models.wire.kafka_record_batch import RecordLayout, RecordSpan, lay_out


class Fetched(Sequence[FetchedRecord]):
    """Records of one partition in offset order, as arrays over one buffer. An item is a `FetchedRecord`, a slice shares
    the buffer.

    Attributes:
        layout: see there. data: uint8, the buffer.
    """

    __slots__ = ("_tp", "data", "layout")

    def __init__(self, tp: TP, data: NDArray[np.uint8], layout: RecordLayout) -> None:
        self._tp = tp
        self.data = data
        self.layout = layout

    @classmethod
    def of_getmany(cls, tp: TP, returned: Sequence[Any], position: int) -> Fetched:
        """What a consumer's `getmany` returned: on the fast path records whose values are batches, else records.

        Raises:
            CorruptRecordException: see `of_batches`.
        """
        if not returned:
            return cls.of_records(tp, [])
        if isinstance(returned[0].value, Batch):
            return cls.of_batches(tp, [record.value for record in returned], position)
        return cls.of_records(tp, [FetchedRecord(*tp, r.offset, r.timestamp or 0, r.key, r.value) for r in returned])

    @classmethod
    def of_batches(cls, tp: TP, batches: Sequence[Batch], position: int) -> Fetched:
        """The records of whole batches, without those below `position` in a batch that it lies in.

        Raises:
            CorruptRecordException: a batch's bytes are not what its header says.
        """
        if any(batch.legacy for batch in batches):
            found = cls.of_records(tp, [record for batch in batches for record in batch.objects(tp)])
        else:
            found = cls._laid_out(tp, [batch.unpacked() for batch in batches])
        offset, begin = found.layout.offset, 0
        if len(found) and offset[0] < position <= batches[0].offset:
            begin = int(np.searchsorted(offset, position))
        return found[begin:]

    @classmethod
    def _laid_out(cls, tp: TP, batches: Sequence[tuple[bytes, RecordSpan]]) -> Fetched:
        # what was compressed lies in buffers of its own
        in_one = len({id(buffer) for buffer, _ in batches}) == 1
        joined = batches[0][0] if in_one else b"".join(memoryview(b)[span.start : span.end] for b, span in batches)
        data = np.frombuffer(joined, np.uint8)
        layout = RecordLayout.room(sum(span.n_records for _, span in batches))
        end = first = 0
        for _, span in batches:
            start = span.start if in_one else end
            end = start + span.end - span.start
            if not lay_out(data, span._replace(start=start, end=end, first=first), layout):
                raise CorruptRecordException(f"{tp.topic}:{tp.partition} has no records at {span.base_offset}")
            first += span.n_records
        return cls(tp, data, layout)

    @classmethod
    def of_records(cls, tp: TP, records: Sequence[FetchedRecord]) -> Fetched:
        """Records that are objects already."""
        n = len(records)
        both = ByteColumn.of([*(r.key for r in records), *(r.value for r in records)])
        offset = np.array([r.offset for r in records], np.int64)
        time_ms = np.array([r.timestamp for r in records], np.int64)
        layout = RecordLayout(offset, time_ms, both.start[:n], both.length[:n], both.start[n:], both.length[n:])
        return cls(tp, both.data, layout)

    @property
    def values(self) -> ByteColumn:
        """The records' values."""
        return ByteColumn(self.data, self.layout.value_start, self.layout.value_length)

    def __len__(self) -> int:
        return len(self.layout.offset)

    @overload
    def __getitem__(self, index: int) -> FetchedRecord: ...

    @overload
    def __getitem__(self, index: slice) -> Fetched: ...

    def __getitem__(self, index: int | slice) -> FetchedRecord | Fetched:
        if isinstance(index, slice):
            start, end, step = index.indices(len(self))
            if step != 1:
                raise ValueError("records are taken in order and without gaps")
            return Fetched(self._tp, self.data, self.layout.part(start, end))
        layout = self.layout
        keys = ByteColumn(self.data, layout.key_start, layout.key_length)
        return FetchedRecord(
            self._tp.topic,
            self._tp.partition,
            int(layout.offset[index]),
            int(layout.time_ms[index]),
            keys.at(index),
            self.values.at(index),
        )

    def parts(self, max_records: int, max_bytes: int) -> Iterator[Fetched]:
        """Consecutive parts, each within both limits where a single record is."""
        sizes = np.maximum(self.layout.value_length, 0)
        return (self[part] for part in parts(sizes, max_bytes, max_records))
