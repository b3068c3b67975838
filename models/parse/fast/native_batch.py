"""Native batches, `{"samples":[...]}`, by the compiled reader of single samples.

A batch is read here where it is plain: one member, an array of objects each of which that reader reads. All of it or
nothing: what a batch has that is not plain may be a reject, whose place among the samples the parser knows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_to_make_arrays
from models.parse.fast import native_sample as native_json
from models.parse.fast.json_scan import (
    ANY_DEPTH,
    CLOSE,
    CLOSE_LIST,
    COLON,
    COMMA,
    OPEN,
    OPEN_LIST,
    QUOTE,
    end_of_object,
    end_of_text,
    expect,
    is_word,
    next_byte,
)
from models.parse.fast.series_lookup import RawSeriesKeyTable
from models.wire.byte_columns import ByteColumn


class Read(NamedTuple):
    """Samples that were read, an entry each: int32 index of the record, int32 number of the series, int64 time, float64
    value."""

    record: NDArray[np.int32]
    series: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]


def read_batches(
    column: ByteColumn,
    records: NDArray[np.int64],
    record_time_ns: NDArray[np.int64],
    max_bytes: int,
    keys: RawSeriesKeyTable,
) -> Read:
    """Samples of those of the `records`, indices of texts, that are plain batches of known series, in order."""
    count = np.zeros(len(records), np.int64)
    _count(column, records, max_bytes, count)
    record = np.repeat(records, count)
    members = ByteColumn(column.data, np.empty(len(record), np.int64), np.empty(len(record), np.int64))
    _locate(column, records[count > 0], members)
    samples = native_json.read(members, record_time_ns[record], max_bytes, keys)
    not_read = np.unique(record[samples.state == native_json.NOT_READ])
    good = np.flatnonzero(~np.isin(record, not_read))
    return Read(record[good].astype(np.int32), samples.series[good], samples.time_ns[good], samples.value[good])


@compiled_to_make_arrays
def _count(column: ByteColumn, records: NDArray[np.int64], max_bytes: int, count: NDArray[np.int64]) -> None:
    """Objects of each batch; 0 for what is none, or not plain."""
    nowhere = np.empty(0, np.int64)
    for i in range(records.shape[0]):
        start, length = column.start[records[i]], column.length[records[i]]
        if 0 <= length <= max_bytes:
            count[i] = _members(column.data, start, start + length, 0, ByteColumn(column.data, nowhere, nowhere))


@compiled
def _locate(column: ByteColumn, batches: NDArray[np.int64], members: ByteColumn) -> None:
    """Enter where the objects of plain batches lie; the members have room for just those."""
    first = 0
    for i in range(batches.shape[0]):
        start = column.start[batches[i]]
        first += _members(column.data, start, start + column.length[batches[i]], first, members)


@compiled
def _members(data: NDArray[np.uint8], at: int, end: int, first: int, members: ByteColumn) -> int:
    """How many objects a batch has, 0 where it is not plain; from `first` on they are entered into the members, unless
    those are empty. There they have to have room for them, so only what has been counted may be located."""
    name = expect(data, expect(data, at, end, OPEN), end, QUOTE)
    name_end = end_of_text(data, name, end)
    if name_end < 0 or not is_word(data, name, name_end, b"samples"):
        return 0
    at = expect(data, expect(data, name_end + 1, end, COLON), end, OPEN_LIST)
    found = 0
    while at >= 0:
        begin = next_byte(data, at, end)
        after = end_of_object(data, begin, end, ANY_DEPTH)
        at = next_byte(data, after, end)
        if at < 0:
            return 0
        if members.start.shape[0] > 0:
            members.start[first + found], members.length[first + found] = begin, after - begin
        found += 1
        if data[at] == CLOSE_LIST:
            at = expect(data, at + 1, end, CLOSE)
            return found if at >= 0 and next_byte(data, at, end) < 0 else 0
        at = expect(data, at, end, COMMA)
    return 0
