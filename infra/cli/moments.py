"""Moments as people write them on a command line."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from models.errors import Misconfigured
from models.synthetic.incidents import duration_s
from models.timestamps import from_datetime

LONGEST_S: Final = 100 * 365 * 86_400.0
"""Nobody means more, and dates end in the year 9999."""


def length_ns(text: str) -> int:
    """Nanoseconds of `90m` or `2d`; raises `Misconfigured`."""
    seconds = duration_s(text)
    if seconds > LONGEST_S:
        raise Misconfigured(f"{text!r} is longer than a century")
    return round(seconds * 1e9)


def moment_ns(text: str, now_ns: int) -> int:
    """Nanoseconds since the epoch of RFC 3339 with a zone, or of a time from now; raises `Misconfigured`.

    >>> moment_ns("-90m", 10**13) // 10**9, moment_ns("+1h", 0) // 10**9
    (4600, 3600)
    """
    if text[:1] in ("-", "+"):
        away_ns = length_ns(text[1:])
        return now_ns - away_ns if text[0] == "-" else now_ns + away_ns
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"{text!r} is no time: write 2026-11-21T10:00:00Z, or -90m for 90 minutes ago") from error
    if moment.utcoffset() is None:
        raise Misconfigured(f"{text!r} has no zone: write {text}Z for UTC")
    return from_datetime(moment)
