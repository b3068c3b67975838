"""Single samples in Tidewatch's own JSON, read by one compiled loop: series by their raw bytes, times, values.

It reads what producers nearly always write and leaves everything else to `models.parse.formats.native`: an object of
`metric`, `value`, `timestamp` and `labels` in any order, a series whose raw form has been learnt before, a time
as a number or as RFC 3339 in UTC. What it reads it reads as that module does, bit by bit; what it is not sure of it
does not read. Numbers of many digits are only pointed at: Python reads them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.parse.fast.json_scan import (
    CLOSE,
    COLON,
    COMMA,
    OPEN,
    QUOTE,
    end_of_object,
    end_of_text,
    expect,
    is_word,
    next_byte,
    number,
    time,
)
from models.parse.fast.series_lookup import RawSeriesKey, RawSeriesKeyTable, find
from models.wire.byte_columns import ByteColumn

NOT_READ, READ, LONG_NUMBER = 0, 1, 2
"""What became of a text: left to the parser; a sample; a sample whose value has to be read from its digits."""


class ReadSamples(NamedTuple):
    """What was read, an entry a text.

    Attributes:
        state: int8, `READ` or one of its neighbours. series: int32. time_ns: int64. value: float64.
        digits_at, digits: int64, where the digits of a `LONG_NUMBER` are, and how many bytes.
    """

    state: NDArray[np.int8]
    series: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    digits_at: NDArray[np.int64]
    digits: NDArray[np.int64]


def read(column: ByteColumn, record_time_ns: NDArray[np.int64], max_bytes: int, keys: RawSeriesKeyTable) -> ReadSamples:
    """Read texts of at most `max_bytes`; a sample without a time has its record's."""
    n = len(column.start)
    out = ReadSamples(
        np.empty(n, np.int8),
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
    )
    _read(column, record_time_ns, max_bytes, keys, out)
    for i in np.flatnonzero(out.state == LONG_NUMBER).tolist():
        at = int(out.digits_at[i])
        out.value[i] = float(column.data[at : at + int(out.digits[i])].tobytes())
        out.state[i] = READ if np.isfinite(out.value[i]) else NOT_READ
    return out


@compiled
def _read(
    column: ByteColumn, record_time_ns: NDArray[np.int64], max_bytes: int, keys: RawSeriesKeyTable, out: ReadSamples
) -> None:
    for i in range(column.start.shape[0]):
        out.state[i] = NOT_READ
        if 0 <= column.length[i] <= max_bytes:
            out.time_ns[i] = record_time_ns[i]
            out.state[i] = _read_one(column, i, keys, out)


@compiled
def _read_one(column: ByteColumn, i: int, keys: RawSeriesKeyTable, out: ReadSamples) -> int:
    data, at = column.data, column.start[i]
    end = at + column.length[i]
    metric = metric_end = labels = labels_end = -1
    value_state, has_time = NOT_READ, False
    at = expect(data, at, end, OPEN)
    while at >= 0:
        name = at = expect(data, at, end, QUOTE)
        name_end = at = end_of_text(data, at, end)
        at = next_byte(data, expect(data, at + 1, end, COLON), end) if at >= 0 else -1
        if at < 0:
            return NOT_READ
        if is_word(data, name, name_end, b"metric") and metric < 0:
            metric = expect(data, at, end, QUOTE)
            metric_end = end_of_text(data, metric, end)
            at = metric_end + 1 if metric_end >= 0 else -1
        elif is_word(data, name, name_end, b"labels") and labels < 0:
            labels = at
            at = labels_end = end_of_object(data, at, end, 1)
        elif is_word(data, name, name_end, b"value") and value_state == NOT_READ:
            read_value = number(data, at, end)
            value_state = READ if read_value.exact else LONG_NUMBER
            out.value[i], out.digits_at[i], out.digits[i] = read_value.value, at, read_value.after - at
            at = read_value.after
        elif is_word(data, name, name_end, b"timestamp") and not has_time:
            has_time = True
            at, out.time_ns[i] = time(data, at, end)
        else:
            return NOT_READ
        at = next_byte(data, at, end)
        if at >= 0 and data[at] == CLOSE:
            break
        at = expect(data, at, end, COMMA)
    if at < 0 or next_byte(data, at + 1, end) >= 0 or metric < 0 or value_state == NOT_READ:
        return NOT_READ
    out.series[i] = find(data, RawSeriesKey(metric, metric_end, labels, labels_end), keys)
    return value_state if out.series[i] >= 0 else NOT_READ
