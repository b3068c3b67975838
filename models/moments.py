"""Durations and moments as people write them: on a command line, in an incident's schedule, in a request."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from models.errors import Misconfigured, Rejected
from models.parse.event_time import rfc3339_ns
from models.timestamps import from_datetime

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

LONGEST_S: Final = 100 * 365 * 86_400
"""Nobody means more than a century, and dates end in the year 9999."""

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([smhdw])", re.ASCII)
_RELATIVE = re.compile(r"([+-]?)([\d.]+[a-z]+)", re.ASCII | re.IGNORECASE)


def duration_s(text: str) -> float:
    """Seconds of a text such as `90s`, `5m`, `1.5h`, `2d` or `1w`; raises `Misconfigured`.

    >>> duration_s("1.5h")
    5400.0
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Misconfigured(f"{text!r} is no duration: write a number and one of s, m, h, d, w, such as 90s or 1.5h")
    seconds = float(match[1]) * UNITS_S[match[2]]
    if seconds > LONGEST_S:
        raise Misconfigured(f"{text!r} is longer than a century")
    return seconds


def duration_ns(text: str) -> int:
    """Nanoseconds of a text as `duration_s` reads it; raises `Misconfigured`."""
    return round(duration_s(text) * 1e9)


def moment_ns(text: str, now_ns: int) -> int:
    """Nanoseconds since the epoch of a moment that is given relative to now, or as a date and time with a zone.

    `7d` and `-7d` are seven days ago, `+1h` is in an hour, `now` is now.

    Raises:
        Misconfigured: the text is none of these, or its time has no zone.

    >>> moment_ns("-90m", 10**13) // 10**9, moment_ns("+1h", 0) // 10**9
    (4600, 3600)
    >>> moment_ns("2023-11-14T22:13:20Z", 0)
    1700000000000000000
    """
    if text == "now":
        return now_ns
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        away_ns = duration_ns(relative[2])
        return now_ns + away_ns if relative[1] == "+" else now_ns - away_ns
    try:
        return rfc3339_ns(text)
    except Rejected:
        return _iso_8601_ns(text)


def _iso_8601_ns(text: str) -> int:
    """A time in one of the shorter forms, such as one without seconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{text!r} is no time: write 2026-11-21T10:00:00Z, or -90m for 90 minutes ago") from error
    if moment.utcoffset() is None:
        raise Misconfigured(f"{text!r} has no zone: write {text}Z for UTC")
    return from_datetime(moment)
