"""JSON looked at byte by byte in compiled loops: white space, plain texts, numbers, times.

Positions are indices into a buffer; -1 stands for "not there", and every function passes it on, so that a text is
judged once, at its end.

A number is exact where its digits and its power of ten are exact doubles (Clinger, "How to Read Floating Point Numbers
Accurately", PLDI 1990): a multiplication or a division then rounds once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.timestamps import MILLISECOND_NS, SECOND_NS

_EXACT: Final = 2**53
_POWERS: Final = tuple(10.0**k for k in range(23))
_LAST_DIGIT_BELOW: Final = 922_337_203_685_477_580
"""An integer below this can take another digit within 64 bits."""

_LIMIT_NS: Final = 9.2e18
"""Times from here on, in the year 2261, are left to the parser, which knows exactly where 64 bits end."""


_DAYS_BEFORE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EPOCH_DAY: Final = 719_162
"""Days from 0001-01-01 to 1970-01-01."""

QUOTE, COLON, COMMA, OPEN, CLOSE = (ord(character) for character in '":,{}')
OPEN_LIST, CLOSE_LIST = (ord(character) for character in "[]")
_BACKSLASH, _MINUS, _PLUS, _POINT, _E, _SMALL_E = (ord(character) for character in "\\-+.Ee")
_ZERO, _NINE, _T, _Z = (ord(c) for c in "09TZ")


class Number(NamedTuple):
    """A number in JSON. `after`: position behind it, -1 where there is none. `whole`: an integer of 64 bits.
    `exact`: `value` is the double nearest to the text."""

    after: int
    whole: bool
    integer: int
    exact: bool
    value: float


@compiled
def next_byte(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Position of the next byte that is no white space; -1 where there is none, or `at` was -1 already."""
    if at < 0:
        return -1
    while at < end and (data[at] == 32 or 9 <= data[at] <= 10 or data[at] == 13):
        at += 1
    return at if at < end else -1


@compiled
def expect(data: NDArray[np.uint8], at: int, end: int, byte: int) -> int:
    """Position behind the next byte that is no white space, where it is this one; else -1."""
    at = next_byte(data, at, end)
    return at + 1 if at >= 0 and data[at] == byte else -1


@compiled
def end_of_text(data: NDArray[np.uint8], at: int, end: int) -> int:
    """Position of the quote that ends a text without escapes; -1 where there is none."""
    if at < 0:
        return -1
    while at < end and data[at] != QUOTE:
        if data[at] == _BACKSLASH:
            return -1
        at += 1
    return at if at < end else -1


ANY_DEPTH = 2**31
"""For `end_of_object`: objects in objects as deep as a record can be long."""


@compiled
def end_of_object(data: NDArray[np.uint8], at: int, end: int, deepest: int) -> int:
    """Position behind an object; -1 where none begins, or it does not end, or holds objects deeper than `deepest`, of
    which itself is the first. Its bytes are only compared with a valid one's, or looked into by others."""
    if at < 0 or data[at] != OPEN:
        return -1
    inside, depth = False, 0
    while at < end:
        byte = data[at]
        if inside:
            if byte == _BACKSLASH:
                at += 1
            elif byte == QUOTE:
                inside = False
        elif byte == QUOTE:
            inside = True
        elif byte == OPEN:
            depth += 1
            if depth > deepest:
                return -1
        elif byte == CLOSE:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return -1


@compiled
def is_word(data: NDArray[np.uint8], start: int, end: int, word: bytes) -> bool:
    if end - start != len(word):
        return False
    for k in range(len(word)):  # noqa: SIM110 - compiled loops have no generators
        if data[start + k] != word[k]:
            return False
    return True


@compiled
def _digit(data: NDArray[np.uint8], at: int, end: int) -> bool:
    return at < end and _ZERO <= data[at] <= _NINE


@compiled
def number(data: NDArray[np.uint8], at: int, end: int) -> Number:
    """A number as JSON writes it."""
    negative = at < end and data[at] == _MINUS
    first = at + 1 if negative else at
    at, integer, lost = _digits(data, first, end, 0)
    # JSON has no empty integers and no leading zeros
    good = at > first and (at - first == 1 or data[first] != _ZERO)
    whole, exponent = lost == 0, 0
    if good and at < end and data[at] == _POINT:
        whole, point = False, at
        at, integer, lost_here = _digits(data, at + 1, end, integer)
        lost, exponent = lost + lost_here, point + 1 - at
        good = exponent < 0
    if good and at < end and (data[at] == _E or data[at] == _SMALL_E):
        whole = False
        at, written = _exponent(data, at + 1, end)
        exponent += written
    # the sign of a zero depends on how it is written, so that is left to the parser, too
    if not good or (negative and integer == 0):
        return Number(-1, False, 0, False, 0.0)
    exact = lost == 0 and integer <= _EXACT and -22 <= exponent <= 22
    value = 0.0
    if exact:
        value = integer / _POWERS[-exponent] if exponent < 0 else integer * _POWERS[exponent]
    return Number(at, whole, -integer, exact, -value) if negative else Number(at, whole, integer, exact, value)


@compiled
def _digits(data: NDArray[np.uint8], at: int, end: int, integer: int) -> tuple[int, int, int]:
    """Position behind digits, the integer continued by them, and how many of them did not fit into 64 bits."""
    lost = 0
    while _digit(data, at, end):
        if integer < _LAST_DIGIT_BELOW:
            integer = integer * 10 + (data[at] - _ZERO)
        else:
            lost += 1
        at += 1
    return at, integer, lost


@compiled
def _exponent(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Position behind the digits of an exponent, -1 where there are none, and the exponent, cut where it is absurd."""
    sign = 1
    if at < end and (data[at] == _MINUS or data[at] == _PLUS):
        sign = -1 if data[at] == _MINUS else 1
        at += 1
    first, value = at, 0
    while _digit(data, at, end):
        value = min(value * 10 + (data[at] - _ZERO), 100_000)
        at += 1
    return (at if at > first else -1), sign * value


@compiled
def time(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Position behind a time, -1 where it is not a plain one, and nanoseconds since the epoch."""
    if data[at] == QUOTE:
        close = end_of_text(data, at + 1, end)
        good, time_ns = _utc_ns(data, at + 1, close)
        return (close + 1 if good else -1), time_ns
    epoch = number(data, at, end)
    magnitude = abs(float(epoch.integer)) if epoch.whole else abs(epoch.value)
    unit = _unit_ns(magnitude)
    if epoch.after < 0 or not (epoch.whole or epoch.exact) or magnitude * unit >= _LIMIT_NS:
        return -1, 0
    if epoch.whole:
        return epoch.after, epoch.integer * unit
    # the fraction apart: a float product would lose the nanoseconds that the whole part still has
    whole = int(epoch.value)
    return epoch.after, whole * unit + int(np.rint((epoch.value - whole) * unit))


@compiled
def _unit_ns(magnitude: float) -> int:
    """Nanoseconds of the unit that a number of this size is in; see `models.parse.event_time`."""
    if magnitude < 1e11:
        return SECOND_NS
    if magnitude < 1e14:
        return MILLISECOND_NS
    return 1_000 if magnitude < 1e17 else 1


@compiled
def _utc_ns(data: NDArray[np.uint8], at: int, end: int) -> tuple[bool, int]:
    """Nanoseconds since the epoch of `YYYY-MM-DDThh:mm:ss[.f]Z`, and whether the text is one."""
    n = end - at
    if n < 20 or n == 21 or n > 30 or data[end - 1] != _Z or data[at + 10] != _T:
        return False, 0
    if data[at + 4] != _MINUS or data[at + 7] != _MINUS or data[at + 13] != COLON or data[at + 16] != COLON:
        return False, 0
    year, month, day = _two(data, at) * 100 + _two(data, at + 2), _two(data, at + 5), _two(data, at + 8)
    hour, minute, second = _two(data, at + 11), _two(data, at + 14), _two(data, at + 17)
    if not (1700 <= year <= 2261 and 1 <= month <= 12 and day >= 1):
        return False, 0
    if not (0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
        return False, 0
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if day > _DAYS[month - 1] + (1 if leap and month == 2 else 0):
        return False, 0
    fraction_ns, unit = 0, SECOND_NS
    if n > 20:
        if data[at + 19] != _POINT:
            return False, 0
        for k in range(at + 20, end - 1):
            if not _digit(data, k, end):
                return False, 0
            unit //= 10
            fraction_ns += unit * (data[k] - _ZERO)
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 + _DAYS_BEFORE[month - 1] + day - 1
    days += 1 if leap and month > 2 else 0
    seconds = (days - _EPOCH_DAY) * 86_400 + hour * 3600 + minute * 60 + second
    return True, seconds * SECOND_NS + fraction_ns


@compiled
def _two(data: NDArray[np.uint8], at: int) -> int:
    """Two digits; -10,000 where they are none, which no sum makes up for."""
    if not _digit(data, at, at + 1) or not _digit(data, at + 1, at + 2):
        return -10_000
    return int(data[at] - _ZERO) * 10 + int(data[at + 1] - _ZERO)
