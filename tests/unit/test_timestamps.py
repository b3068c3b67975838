"""Nanoseconds since the epoch and RFC 3339, both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parse.event_time import rfc3339_ns
from models.timestamps import from_datetime, to_datetime, to_rfc3339


@pytest.mark.parametrize(
    ("time_ns", "expected"),
    [
        pytest.param(0, "1970-01-01T00:00:00Z", id="the epoch"),
        pytest.param(1_700_000_000_000_999_999, "2023-11-14T22:13:20Z", id="less than a millisecond is left out"),
        pytest.param(1_700_000_000_001_000_000, "2023-11-14T22:13:20.001Z", id="a millisecond is told"),
        pytest.param(-1_000_000_000, "1969-12-31T23:59:59Z", id="before the epoch"),
    ],
)
def test_text_is_utc_to_the_millisecond(time_ns: int, expected: str) -> None:
    assert to_rfc3339(time_ns) == expected


@given(st.integers(-(10**18), 4 * 10**18))
def test_a_text_reads_back_to_the_millisecond(time_ns: int) -> None:
    assert rfc3339_ns(to_rfc3339(time_ns)) == time_ns // 10**6 * 10**6


@given(st.integers(-(10**15), 4 * 10**15).map(lambda microseconds: microseconds * 1000))
def test_datetimes_keep_microseconds_both_ways(time_ns: int) -> None:
    assert from_datetime(to_datetime(time_ns)) == time_ns


def test_an_aware_datetime_of_any_zone_is_a_moment() -> None:
    berlin = datetime(2023, 11, 14, 23, 13, 20, tzinfo=timezone(timedelta(hours=1)))
    assert from_datetime(berlin) == from_datetime(berlin.astimezone(UTC)) == 1_700_000_000 * 10**9
