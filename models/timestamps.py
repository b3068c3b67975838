"""Units of time, and nanoseconds since the epoch to RFC 3339 and back, in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000 * MILLISECOND_NS
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

MINUTE_S: Final = 60
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S
WEEK_S: Final = 7 * DAY_S

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_rfc3339(time_ns: int) -> str:
    """UTC text of a time in nanoseconds, to the millisecond, as it goes on the wire and into `scores.csv`.

    >>> to_rfc3339(1_700_000_000_250_000_000)
    '2023-11-14T22:13:20.250Z'
    >>> to_rfc3339(1_700_000_000_000_000_000)
    '2023-11-14T22:13:20Z'
    """
    moment = to_datetime(time_ns)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}Z" if moment.microsecond >= 1000 else f"{text}Z"


def to_datetime(time_ns: int) -> datetime:
    """Aware UTC datetime of a time in nanoseconds, truncated to microseconds."""
    return _EPOCH + timedelta(microseconds=time_ns // 1000)


def from_datetime(moment: datetime) -> int:
    """Nanoseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
