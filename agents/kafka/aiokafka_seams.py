"""aiokafka, and what we use of it beside its documentation: record batches as they are on the wire.

aiokafka's consumer makes an object of every record and its producer takes records one by one, which takes longer than
all that is done with a single-sample record. `hand_over_batches` makes a consumer's fetcher hand over whole batches,
`RecordBatch` lets a producer send one that is made already. Everything else about fetching and delivery stays
aiokafka's. On the plain path `Fetched.of_records` takes what `getmany` returns, and records are appended to what
`create_batch` returns: seven times the time.
"""

from __future__ import annotations

import contextlib
import gzip
import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Final

import cramjam
from aiokafka import AIOKafkaConsumer
from faust.types import TP

from agents.kafka.records import FetchedRecord, Packed
from models.seams import Library, LibraryPart, Seam
from models.wire.kafka_record_batch import FRAME, HEADER, RecordSpan

with contextlib.suppress(ImportError):  # SEAM sees it, and the plain path needs none of them
    from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
    from aiokafka.consumer.fetcher import Fetcher
    from aiokafka.record.default_records import DefaultRecordBatch
    from aiokafka.record.legacy_records import LegacyRecordBatch
    from aiokafka.record.util import calc_crc32c

    _DECODERS: Final[dict[int, Callable[[Any], bytes]]] = {
        1: gzip_decode,
        2: snappy_decode,
        3: lz4_decode,
        4: zstd_decode,
    }

_MAGIC_AT: Final = 16

_CODEC_MASK: Final = 0x07
_APPEND_TIME: Final = 0x08

_ZSTD: Final = 4
_FORMAT: Final = 2
_CHECKED_FROM: Final = 21
"""The checksum is of what follows it."""


class RecordBatch:
    """What aiokafka's producer takes for a `BatchBuilder` that is full."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._producer = -1, -1, -1

    def append(self, *, timestamp: Any, key: Any, value: Any, headers: Any = ()) -> None:
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
        self.legacy = raw[_MAGIC_AT] < _FORMAT
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

    def unpacked(self) -> tuple[bytes, RecordSpan]:
        """Bytes that hold the records, uncompressed, and what the header says of them; of format 2 only."""
        base_offset, _, _, _, _, attributes, _, first_ms, last_ms, _, _, _, count = HEADER.unpack_from(self._raw)
        decode = _DECODERS.get(attributes & _CODEC_MASK)
        data, start, end = self._data, self._start + HEADER.size, self._end
        if decode is not None:
            data = decode(data[start:end])
            start, end = 0, len(data)
        append_ms = last_ms if attributes & _APPEND_TIME else -1
        return data, RecordSpan(start, end, 0, count, base_offset, first_ms, append_ms)

    def objects(self, tp: TP) -> Iterator[FetchedRecord]:
        """Its records one by one, whatever the format."""
        for r in self._batch:
            yield FetchedRecord(tp.topic, tp.partition, r.offset, r.timestamp or 0, r.key, r.value)


class Batches:
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
    names = {**read_answer.__globals__, "MemoryRecords": Batches}
    rebound = FunctionType(read_answer.__code__, names, read_answer.__name__, read_answer.__defaults__)
    consumer._fetcher._proc_fetch_request = MethodType(rebound, consumer._fetcher)


def _uses(*names: str) -> Callable[[Any], bool]:
    """Whether a function's code has these names."""
    return lambda function: set(names) <= set(function.__code__.co_names)


def _asks_for_no_more(builder: Any) -> bool:
    """Whether a `BatchBuilder` has the methods that `RecordBatch` has, with the same parameters."""
    return _methods(builder, "__init__", "_serialize") == _methods(RecordBatch, "__init__")


def _methods(of: type, *without: str) -> dict[str, tuple[str, ...]]:
    """Parameters of a class' methods by their names."""
    methods = ((name, method) for name, method in vars(of).items() if isinstance(method, FunctionType))
    return {name: tuple(inspect.signature(method).parameters) for name, method in methods if name not in without}


def _reads_what_we_build(reader: Any) -> bool:
    """Whether aiokafka's reader of batches finds in one of ours what is in it."""
    one_record = (
        b"\x0e\x00\x00\x00\x01\x02v\x00"  # 7 bytes: no attributes, no time, the first, no key, b"v", no headers
    )
    body = RecordBatch(Packed("t", 0, 1, 5, bytes(cramjam.zstd.compress(one_record))))._build()
    batch = reader(memoryview(body))
    sound = batch.validate_crc() and batch.next_offset == 1 and not batch.is_control_batch
    return sound and [(r.offset, r.timestamp, r.key, r.value) for r in batch] == [(0, 5, None, b"v")]


def _decodes(encode: Callable[[bytes], Any]) -> Callable[[Any], bool]:
    return lambda decode: bytes(decode(bytes(encode(b"text")))) == b"text"


_FETCHED: Final = "no record is fetched, or wrong ones are"
_BY_GETMANY: Final = "getmany's records, an object each: 2.3 us a record, not 0.05"
_SENT: Final = "no score is published"
_BY_APPEND: Final = "create_batch, and append for each record: 5 us a row, not 1.6"

SEAM: Final = Seam(
    Library.AIOKAFKA,
    tested=("0.14.0",),
    parts=(
        LibraryPart(
            "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request",
            _FETCHED,
            _BY_GETMANY,
            ("self", "assignment", "node_id", "request"),
            _uses("MemoryRecords", "has_next", "size_in_bytes", "PartitionRecords"),
        ),
        LibraryPart(
            "aiokafka.consumer.fetcher:PartitionRecords._unpack_records",
            _FETCHED,
            _BY_GETMANY,
            ("self",),
            _uses("has_next", "next_batch", "validate_crc", "next_offset", "offset"),
        ),
        LibraryPart(
            "aiokafka:AIOKafkaConsumer.start",
            _FETCHED,
            _BY_GETMANY,
            works=_uses("_fetcher", "Fetcher"),
            name="AIOKafkaConsumer._fetcher",
        ),
        LibraryPart("aiokafka.record.legacy_records:LegacyRecordBatch", _FETCHED, _BY_GETMANY),
        LibraryPart(
            "aiokafka.record.default_records:DefaultRecordBatch", _FETCHED, _BY_GETMANY, works=_reads_what_we_build
        ),
        LibraryPart("aiokafka.codec:gzip_decode", _FETCHED, _BY_GETMANY, works=_decodes(gzip.compress)),
        LibraryPart("aiokafka.codec:snappy_decode", _FETCHED, _BY_GETMANY, works=_decodes(cramjam.snappy.compress_raw)),
        LibraryPart("aiokafka.codec:lz4_decode", _FETCHED, _BY_GETMANY, works=_decodes(cramjam.lz4.compress)),
        LibraryPart("aiokafka.codec:zstd_decode", _FETCHED, _BY_GETMANY, works=_decodes(cramjam.zstd.compress)),
        LibraryPart(
            "aiokafka.record.util:calc_crc32c", _SENT, _BY_APPEND, works=lambda crc: crc(b"123456789") == 0xE3069283
        ),
        LibraryPart("aiokafka.producer.message_accumulator:BatchBuilder", _SENT, _BY_APPEND, works=_asks_for_no_more),
    ),
)
