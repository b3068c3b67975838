"""Scored rows as the JSON of score events, in one buffer: a compiled loop, because objects took 4 us a row.

What stands for a name (entity, service, feature, version) is encoded by the caller, once a name; here are the row's
numbers and the order of things. The same fields as `ScoreEvent`, which reads it back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.wire.byte_columns import ByteColumn, copy

DIGITS: Final = 7
"""Significant ones of scores, parts and bands. Further ones say nothing and do not compress: they were a third of an
event's bytes."""

_LEAST, _MOST = 10 ** (DIGITS - 1), 10**DIGITS
_POWERS = np.array([float(f"1e{k}") for k in range(309)])
_PLAIN_FROM, _PLAIN_TO = -5, 15
_TINY = 1e-300

ROW_ROOM: Final = 400
"""Bytes of a row besides its texts: the names of its fields, and fourteen numbers at their longest."""


class ScoreColumns(NamedTuple):
    """Rows to write, an entry each, and the texts that they are made of; JSON strings with their quotes.

    Attributes:
        entity: int64 `(n,)`, index into `ids`, `names` and `versions`: what an event begins with up to the tick in its
            id, what comes between that and the tick's own text, and the version of the model.
        tick_ns: int64 `(n,)`. tick: int64 `(n,)`, index into `ticks`.
        score: float64 `(n,)`. is_anomaly: bool `(n,)`.
        cause: int64 `(n, k)`, index into `features` by contribution, -1 where there are fewer; part: float64 `(n, k)`.
        value: texts of the values of the rows' first causes. expected, lower, upper: float64 `(n,)`, NaN for none.
        readiness: int64 `(n,)`, index into `readiness_texts`.
    """

    entity: NDArray[np.int64]
    ids: ByteColumn
    names: ByteColumn
    versions: ByteColumn
    tick_ns: NDArray[np.int64]
    tick: NDArray[np.int64]
    ticks: ByteColumn
    score: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    cause: NDArray[np.int64]
    part: NDArray[np.float64]
    features: ByteColumn
    value: ByteColumn
    expected: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    readiness: NDArray[np.int64]
    readiness_texts: ByteColumn


def score_texts(rows: ScoreColumns) -> ByteColumn:
    """The event of every row."""
    fixed = np.full(len(rows.entity), ROW_ROOM) + rows.readiness_texts.length.max(initial=0) + rows.value.length
    for column in (rows.ids, rows.names, rows.versions):
        fixed += column.length[rows.entity]
    # the first cause is named twice
    causes = np.concatenate([rows.cause, rows.cause[:, :1]], axis=1)
    named = np.append(rows.features.length, 0)[causes].sum(axis=1)
    end = np.cumsum(fixed + named + rows.ticks.length[rows.tick])
    start = np.concatenate([np.zeros(1, np.int64), end[:-1]]) if len(end) else end
    out = ByteColumn(np.empty(int(end[-1]) if len(end) else 0, np.uint8), start, np.empty(len(start), np.int64))
    write_scores(rows, out)
    return out


@compiled
def write_scores(rows: ScoreColumns, out: ByteColumn) -> None:
    """Write each row from its start in the buffer on, and how long it is."""
    data = out.data
    for i in range(len(rows.entity)):
        who = rows.entity[i]
        at = put_text(data, out.start[i], rows.ids, who)
        at = put_integer(data, at, rows.tick_ns[i])
        at = put_text(data, at, rows.names, who)
        at = put_text(data, at, rows.ticks, rows.tick[i])
        at = put_number(data, put(data, at, b',"anomaly_score":'), rows.score[i])
        at = put(data, put(data, at, b',"is_anomaly":'), b"true" if rows.is_anomaly[i] else b"false")
        at = put(data, at, b',"causes":[')
        for k in range(rows.cause.shape[1]):
            if rows.cause[i, k] < 0:
                break
            at = put_text(data, put(data, at, b",[" if k > 0 else b"["), rows.features, rows.cause[i, k])
            at = put(data, put_number(data, put(data, at, b","), rows.part[i, k]), b"]")
        at = put(data, at, b'],"cause_metric":')
        first = rows.cause[i, 0]
        at = put_text(data, at, rows.features, first) if first >= 0 else put(data, at, b'""')
        at = put_text(data, put(data, at, b',"value":'), rows.value, i)
        at = put_number(data, put(data, at, b',"expected":'), rows.expected[i])
        at = put_number(data, put(data, at, b',"expected_lower":'), rows.lower[i])
        at = put_number(data, put(data, at, b',"expected_upper":'), rows.upper[i])
        at = put_text(data, put(data, at, b',"model_version":'), rows.versions, who)
        at = put_text(data, put(data, at, b',"readiness":'), rows.readiness_texts, rows.readiness[i])
        out.length[i] = put(data, at, b"}") - out.start[i]


@compiled
def put(data: NDArray[np.uint8], at: int, text: bytes) -> int:
    """Write a text; the position after it, as with all of these."""
    room = data[at : at + len(text)]
    for k in range(len(text)):
        room[k] = text[k]
    return at + len(text)


@compiled
def put_text(data: NDArray[np.uint8], at: int, column: ByteColumn, which: int) -> int:
    """Write one of several texts."""
    return copy(column.data, column.start[which], data, at, column.length[which])


@compiled
def put_integer(data: NDArray[np.uint8], at: int, number: int) -> int:
    """Write a whole number above -2**63."""
    if number < 0:
        at = put(data, at, b"-")
        number = -number
    digits, rest = 1, number // 10
    while rest > 0:
        digits, rest = digits + 1, rest // 10
    for k in range(digits):
        data[at + digits - 1 - k] = 48 + number % 10
        number //= 10
    return at + digits


@compiled
def put_number(data: NDArray[np.uint8], at: int, x: float) -> int:
    """Write a number to `DIGITS` significant digits; `null` for what JSON has no word for."""
    if not np.isfinite(x):
        return put(data, at, b"null")
    if x < 0.0:
        at = put(data, at, b"-")
        x = -x
    if x < _TINY:
        return put(data, at, b"0.0")
    exponent = int(np.floor(np.log10(x)))
    mantissa = _scaled(x, DIGITS - 1 - exponent)
    # the logarithm may be off by one next to a power of ten, and rounding may reach the next
    if mantissa >= _MOST:
        exponent += 1
        mantissa = _scaled(x, DIGITS - 1 - exponent)
    elif mantissa < _LEAST:
        exponent -= 1
        mantissa = _scaled(x, DIGITS - 1 - exponent)
    n = DIGITS
    while n > 1 and mantissa % 10 == 0:
        mantissa, n = mantissa // 10, n - 1
    if not _PLAIN_FROM <= exponent <= _PLAIN_TO:
        at = put(data, _put_digits(data, at, mantissa, n, 1), b"e")
        return put_integer(data, at, exponent)
    if exponent >= 0:
        return _put_digits(data, at, mantissa, n, exponent + 1)
    at = put(data, at, b"0.")
    for _ in range(-exponent - 1):
        at = put(data, at, b"0")
    return put_integer(data, at, mantissa)


@compiled
def _scaled(x: float, decimals: int) -> int:
    """`x` times ten to the `decimals`, rounded."""
    if decimals < 0:
        return int(np.rint(x / _POWERS[-decimals]))
    if decimals < len(_POWERS):
        return int(np.rint(x * _POWERS[decimals]))
    return int(np.rint(x * _POWERS[-1] * _POWERS[decimals - len(_POWERS) + 1]))


@compiled
def _put_digits(data: NDArray[np.uint8], at: int, digits: int, n: int, whole: int) -> int:
    """Write `n` digits with `whole` of them before the point, filled up with zeros, and at least one behind it."""
    while n <= whole:
        digits, n = digits * 10, n + 1
    end = at + n + 1
    for k in range(n + 1):
        if k == n - whole:
            data[end - 1 - k] = 46
        else:
            data[end - 1 - k] = 48 + digits % 10
            digits //= 10
    return end
