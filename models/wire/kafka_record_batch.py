"""The records of a Kafka record batch: its bytes to arrays of offsets, times and positions, and texts to its bytes.

Source: Kafka's documentation, "Record Batch" and "Record" (message format 2). Compiled, because taking a batch apart
record by record in Python costs four times what is done with a record afterwards.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.wire.byte_columns import ByteColumn, copy

FRAME: Final = struct.Struct(">qi")
"""What every batch begins with: base offset, and the length of what follows."""

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
"""Header of a batch of format 2: base offset, length, leader's epoch, format, checksum, attributes, last offset's
difference, first time, last time, producer's id, epoch and sequence, number of records."""

RECORD_ROOM = 1 + 5 * 5
"""Bytes of a record besides key and value at most: attributes, and five numbers that stay below 2**31."""


class RecordLayout(NamedTuple):
    """Records in one buffer, an entry each.

    Attributes:
        offset: int64, in the partition. time_ms: int64, epoch milliseconds, by the broker or the producer.
        key_start, value_start: int64, index of the first byte. key_length, value_length: int64, bytes; -1 for null.
    """

    offset: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    key_start: NDArray[np.int64]
    key_length: NDArray[np.int64]
    value_start: NDArray[np.int64]
    value_length: NDArray[np.int64]

    @classmethod
    def room(cls, n: int) -> RecordLayout:
        """Room for `n` records."""
        return cls(*(np.empty(n, np.int64) for _ in cls._fields))

    def part(self, start: int, end: int) -> RecordLayout:
        """Records `start` to `end`, excluded."""
        return RecordLayout(*(column[start:end] for column in self))


class RecordSpan(NamedTuple):
    """The records of one batch in a buffer.

    Attributes:
        start, end: bytes of the records, uncompressed.
        first, n_records: their entries in the layout.
        base_offset, base_ms: what the records' own differences are added to.
        append_ms: the time of all of them where the broker stamped the batch; -1 where each has its producer's.
    """

    start: int
    end: int
    first: int
    n_records: int
    base_offset: int
    base_ms: int
    append_ms: int


@compiled
def lay_out(data: NDArray[np.uint8], span: RecordSpan, out: RecordLayout) -> bool:
    """Write down where the records of a batch are; False where the bytes are no such records. Headers are left out."""
    at = span.start
    for i in range(span.first, span.first + span.n_records):
        length, at = _varint(data, at, span.end)
        end = at + length
        if at < 0 or length < 1 or end > span.end:
            return False
        later_ms, at = _varint(data, at + 1, end)  # after a byte of attributes that nobody uses
        later, at = _varint(data, at, end)
        out.offset[i] = span.base_offset + later
        out.time_ms[i] = span.append_ms if span.append_ms >= 0 else span.base_ms + later_ms
        out.key_length[i], at = _varint(data, at, end)
        out.key_start[i] = at
        at = _skip(at, out.key_length[i], end)
        out.value_length[i], at = _varint(data, at, end)
        out.value_start[i] = at
        at = _skip(at, out.value_length[i], end)
        if at < 0:
            return False
        at = end
    return True


@compiled
def _skip(at: int, length: int, end: int) -> int:
    """Position after `length` bytes (-1: none); -1 where the record ends before, or had ended already."""
    if at < 0 or length < -1:
        return -1
    at += max(length, 0)
    return at if at <= end else -1


@compiled
def _varint(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """A zigzag-coded number and the position after it; -1 where it does not end, or `at` was -1 already."""
    value, shift = 0, 0
    while 0 <= at < end and shift < 64:
        byte = int(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            # the right shift keeps the sign: the top bit is set for numbers beyond 63 bits only, which nothing here is
            return (value >> 1) ^ -(value & 1), at
        shift += 7
    return 0, -1


def laid_out(keys: ByteColumn, values: ByteColumn) -> NDArray[np.uint8]:
    """Bytes of records with these keys and values, of the time and from the offset that their batch says, without
    headers."""
    size = RECORD_ROOM * len(keys.start) + np.maximum(keys.length, 0).sum() + np.maximum(values.length, 0).sum()
    out = np.empty(int(size), np.uint8)
    return out[: write_records(keys, values, out)]


@compiled
def write_records(keys: ByteColumn, values: ByteColumn, out: NDArray[np.uint8]) -> int:
    """Write records one after the other; how many bytes they take."""
    at = 0
    for i in range(len(keys.start)):
        # attributes, and a time that is the batch's own, are a byte each; so is the number of headers
        length = 2 + _varint_size(i) + _text_size(keys.length[i]) + _text_size(values.length[i]) + 1
        at = _put_varint(out, at, length)
        out[at] = out[at + 1] = 0
        at = _put_varint(out, at + 2, i)
        at = _put_text(out, at, keys, i)
        at = _put_text(out, at, values, i)
        out[at] = 0
        at += 1
    return at


@compiled
def _varint_size(value: int) -> int:
    """Bytes of a zigzag-coded number."""
    left, size = (value << 1) ^ (value >> 63), 1
    while left > 0x7F:
        left, size = left >> 7, size + 1
    return size


@compiled
def _text_size(length: int) -> int:
    """Bytes of a text and its length; -1: none."""
    return _varint_size(length) + max(length, 0)


@compiled
def _put_varint(out: NDArray[np.uint8], at: int, value: int) -> int:
    left = (value << 1) ^ (value >> 63)
    while left > 0x7F:
        out[at] = (left & 0x7F) | 0x80
        left, at = left >> 7, at + 1
    out[at] = left
    return at + 1


@compiled
def _put_text(out: NDArray[np.uint8], at: int, column: ByteColumn, which: int) -> int:
    start, length = column.start[which], column.length[which]
    at = _put_varint(out, at, length)
    return copy(column.data, start, out, at, max(length, 0))
