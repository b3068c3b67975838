"""What one fetch returned for one partition: records as arrays over one buffer, made objects of only where asked.

aiokafka's consumer makes an object of every record, which takes longer than all that is done with a single-sample
record afterwards. `hand_over_batches` makes a consumer's fetcher hand over whole record batches instead, once it has
checked their checksums and what they are; everything else about fetching stays aiokafka's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, MethodType
from typing import Any, Final, NamedTuple, overload

import numpy as np
from aiokafka import AIOKafkaConsumer
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from faust.types import TP
from numpy.typing import NDArray

from models.wire.byte_columns import Texts, parts
from models.wire.kafka_record_batch import FRAME, HEADER, Layout, Span, lay_out

_MAGIC_AT: Final = 16

_CODEC_MASK: Final = 0x07
_APPEND_TIME: Final = 0x08
_DECODERS: Final[dict[int, Callable[[Any], bytes]]] = {1: gzip_decode, 2: snappy_decode, 3: lz4_decode, 4: zstd_decode}


class Record(NamedTuple):
    """One record. `timestamp` is in ms, by the broker or the producer."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Fetched(Sequence[Record]):
    """Records of one partition in offset order, as arrays over one buffer. An item is a `Record`, a slice shares the
    buffer.

    Attributes:
        layout: see there. data: uint8, the buffer.
    """

    __slots__ = ("_tp", "data", "layout")

    def __init__(self, tp: TP, data: NDArray[np.uint8], layout: Layout) -> None:
        self._tp = tp
        self.data = data
        self.layout = layout

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
    def _laid_out(cls, tp: TP, batches: Sequence[tuple[bytes, Span]]) -> Fetched:
        # what was compressed lies in buffers of its own
        in_one = len({id(buffer) for buffer, _ in batches}) == 1
        joined = batches[0][0] if in_one else b"".join(memoryview(b)[span.start : span.end] for b, span in batches)
        data = np.frombuffer(joined, np.uint8)
        layout = Layout.room(sum(span.n_records for _, span in batches))
        end = first = 0
        for _, span in batches:
            start = span.start if in_one else end
            end = start + span.end - span.start
            if not lay_out(data, span._replace(start=start, end=end, first=first), layout):
                raise CorruptRecordException(f"{tp.topic}:{tp.partition} has no records at {span.base_offset}")
            first += span.n_records
        return cls(tp, data, layout)

    @classmethod
    def of_records(cls, tp: TP, records: Sequence[Record]) -> Fetched:
        """Records that are objects already."""
        n = len(records)
        both = Texts.of([*(r.key for r in records), *(r.value for r in records)])
        offset = np.array([r.offset for r in records], np.int64)
        time_ms = np.array([r.timestamp for r in records], np.int64)
        layout = Layout(offset, time_ms, both.start[:n], both.length[:n], both.start[n:], both.length[n:])
        return cls(tp, both.data, layout)

    @property
    def values(self) -> Texts:
        """The records' values."""
        return Texts(self.data, self.layout.value_start, self.layout.value_length)

    def __len__(self) -> int:
        return len(self.layout.offset)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Fetched: ...

    def __getitem__(self, index: int | slice) -> Record | Fetched:
        if isinstance(index, slice):
            start, end, step = index.indices(len(self))
            if step != 1:
                raise ValueError("records are taken in order and without gaps")
            return Fetched(self._tp, self.data, self.layout.part(start, end))
        layout = self.layout
        keys = Texts(self.data, layout.key_start, layout.key_length)
        return Record(
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


class Batch:
    """One record batch as the broker sent it. To aiokafka's fetcher it is a batch of one record, whose value is the
    batch itself and whose offset is the last one's."""

    key = None
    headers = ()
    checksum = None
    timestamp = timestamp_type = 0

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data, self._start, self._end = data, start, end
        self._raw = raw = memoryview(data)[start:end]
        self.legacy = raw[_MAGIC_AT] < 2
        self._batch: Any = LegacyRecordBatch(raw, raw[_MAGIC_AT]) if self.legacy else DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        """What aiokafka's fetcher asks a batch for: checksum, offsets, whether it is of a transaction."""
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Batch]:
        yield self

    def __len__(self) -> int:
        return len(self._raw)

    @property
    def value(self) -> Batch:
        """The one record's value."""
        return self

    @property
    def offset(self) -> int:
        """The one record's offset, the last there is: the fetcher leaves out what lies below the offset it asked
        for."""
        return int(self._batch.next_offset) - 1

    def unpacked(self) -> tuple[bytes, Span]:
        """Bytes that hold the records, uncompressed, and what the header says of them; of format 2 only."""
        base_offset, _, _, _, _, attributes, _, first_ms, last_ms, _, _, _, count = HEADER.unpack_from(self._raw)
        decode = _DECODERS.get(attributes & _CODEC_MASK)
        data, start, end = self._data, self._start + HEADER.size, self._end
        if decode is not None:
            data = decode(data[start:end])
            start, end = 0, len(data)
        append_ms = last_ms if attributes & _APPEND_TIME else -1
        return data, Span(start, end, 0, count, base_offset, first_ms, append_ms)

    def objects(self, tp: TP) -> Iterator[Record]:
        """Its records one by one, whatever the format."""
        for r in self._batch:
            yield Record(tp.topic, tp.partition, r.offset, r.timestamp or 0, r.key, r.value)


class _Batches:
    """What a fetch returned, a batch at a time. Stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        """Whether a whole batch is left; the broker cuts the last one off where its limit of bytes is."""
        return len(self._data) - self._at > _MAGIC_AT and self._end() <= len(self._data)

    def next_batch(self) -> Batch:
        start, self._at = self._at, self._end()
        return Batch(self._data, start, self._at)

    def _end(self) -> int:
        _, length = FRAME.unpack_from(self._data, self._at)
        return self._at + FRAME.size + int(length)


def hand_over_batches(consumer: AIOKafkaConsumer) -> None:
    """Let a started consumer's `getmany` return batches: records whose value is a `Batch`.

    The fetcher reads every answer in one method, by the name `MemoryRecords`; this consumer's gets that method with
    another meaning of the name, and no other consumer does.
    """
    read_answer = Fetcher._proc_fetch_request
    if "MemoryRecords" not in read_answer.__code__.co_names:
        raise RuntimeError("this version of aiokafka reads fetches in another way than agents/kafka/fetched.py knows")
    names = {**read_answer.__globals__, "MemoryRecords": _Batches}
    rebound = FunctionType(read_answer.__code__, names, read_answer.__name__, read_answer.__defaults__)
    consumer._fetcher._proc_fetch_request = MethodType(rebound, consumer._fetcher)
