"""Event times as producers write them: RFC 3339, or epoch seconds, ms, us or ns told apart by magnitude."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from models.errors import Rejected
from models.reasons import RejectReason
from models.timestamps import MILLISECOND_NS, SECOND_NS, from_datetime

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):([0-5]\d|60)(?:\.(\d{1,30}))?"  # second 60 is a leap second
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):?([0-5]\d))",
    re.ASCII,
)
# the year 2262, two seconds before 64 bits end, so that another fraction of a known second still fits
_LIMIT_NS = 2**63 - 2 * SECOND_NS

# What may follow the seconds of a UTC time in the form nearly all producers write, in nanoseconds. Looked up, not
# converted: it is quick, and refuses whatever is not exactly that.
_UTC_FRACTIONS: Final = {"Z": 0} | {f".{ms:03d}Z": ms * MILLISECOND_NS for ms in range(1000)}

# |t| below 1e11 is seconds (until the year 5138), below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds;
# each reading of a number is therefore unique for times after March 1973
_UNITS: tuple[tuple[float, int], ...] = ((1e11, SECOND_NS), (1e14, MILLISECOND_NS), (1e17, 1_000), (float("inf"), 1))


_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d*)?)?", re.ASCII)
_EPOCH = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)


def _bad(text: object) -> Rejected:
    if isinstance(text, str) and _LOCAL.fullmatch(text):
        detail = f"timestamp {text[:60]!r} has no offset from UTC: end it with Z or +01:00"
        return Rejected(RejectReason.BAD_TIMESTAMP, detail)
    return Rejected(RejectReason.BAD_TIMESTAMP, f"timestamp {str(text)[:60]!r} is neither RFC 3339 nor an epoch time")


def rfc3339_ns(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 text; digits beyond nanoseconds are dropped.

    Raises:
        Rejected: `bad-timestamp`; also where the offset from UTC is missing, because then the moment is not known.

    >>> rfc3339_ns("2023-11-14T22:13:20.25Z"), rfc3339_ns("2023-11-14T23:13:20+01:00")
    (1700000000250000000, 1700000000000000000)
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise _bad(text)
    day, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups()
    try:
        start = datetime.fromisoformat(f"{day}T{hour}:{minute}:00").replace(tzinfo=UTC)
    except ValueError as error:
        raise _bad(text) from error
    minute_ns = from_datetime(start)
    offset_s = (int(offset_hour or 0) * 3600 + int(offset_minute or 0) * 60) * (-1 if sign == "-" else 1)
    time_ns = minute_ns + (int(second) - offset_s) * SECOND_NS + int((fraction or "0")[:9].ljust(9, "0"))
    if not abs(time_ns) < _LIMIT_NS:
        raise _bad(text)
    return time_ns


def epoch_ns(number: int | float) -> int:
    """Nanoseconds since the epoch of a number of seconds, milliseconds, microseconds or nanoseconds.

    Raises:
        Rejected: `bad-timestamp`: not finite, or beyond what 64 bits of nanoseconds hold (year 2262).

    >>> epoch_ns(1700000000), epoch_ns(1700000000250), epoch_ns(1700000000.25)
    (1700000000000000000, 1700000000250000000, 1700000000250000000)
    """
    if isinstance(number, float) and not abs(number) < float("inf"):
        raise _bad(number)
    magnitude = abs(number)
    unit_ns = next(unit for limit, unit in _UNITS if magnitude < limit)
    whole = int(number)
    # the fraction apart: a float product would lose the nanoseconds that the whole part still has
    time_ns = whole * unit_ns + round((number - whole) * unit_ns)
    if not abs(time_ns) < _LIMIT_NS:
        raise _bad(number)
    return time_ns


def event_time_ns(timestamp: int | float | str) -> int:
    """Nanoseconds since the epoch of whatever a producer wrote; raises `Rejected` (`bad-timestamp`).

    >>> event_time_ns("1700000000"), event_time_ns("2023-11-14T22:13:20Z")
    (1700000000000000000, 1700000000000000000)
    """
    if not isinstance(timestamp, str):
        return epoch_ns(timestamp)
    if _EPOCH.fullmatch(timestamp):
        return epoch_ns(float(timestamp) if "." in timestamp else int(timestamp))
    return rfc3339_ns(timestamp)


class EventTimes:
    """Reads the time stamps of one batch: the same seconds occur in it again and again, and are taken apart once."""

    def __init__(self) -> None:
        self._seconds: dict[str, int] = {}

    def read(self, timestamp: int | float | str) -> int:
        """As `event_time_ns`."""
        if not isinstance(timestamp, str):
            return epoch_ns(timestamp)
        fraction_ns = _UTC_FRACTIONS.get(timestamp[19:])
        if fraction_ns is None:
            return event_time_ns(timestamp)
        second = timestamp[:19]
        second_ns = self._seconds.get(second)
        if second_ns is None:
            second_ns = self._seconds[second] = rfc3339_ns(timestamp) - fraction_ns
        return second_ns + fraction_ns
