"""Event times as producers write them, in nanoseconds."""

from __future__ import annotations

import pytest

from models.errors import Rejected
from models.parse.event_time import EventTimes, epoch_ns, event_time_ns, rfc3339_ns
from models.reasons import RejectReason

S = 1_700_000_000
NS = S * 10**9  # 2023-11-14T22:13:20Z

RFC3339 = [
    pytest.param("2023-11-14T22:13:20Z", NS, id="UTC"),
    pytest.param("2023-11-14t22:13:20z", NS, id="small letters"),
    pytest.param("2023-11-14 22:13:20Z", NS, id="a space between day and time"),
    pytest.param("2023-11-14T23:43:20+01:30", NS, id="an offset east"),
    pytest.param("2023-11-14T14:13:20-08:00", NS, id="an offset west"),
    pytest.param("2023-11-14T22:13:20.5Z", NS + 500_000_000, id="tenths"),
    pytest.param("2023-11-14T22:13:20.1234567899Z", NS + 123_456_789, id="digits beyond nanoseconds are dropped"),
    pytest.param("2023-11-14T22:12:60Z", NS - 20 * 10**9, id="a leap second is the next minute's first"),
    pytest.param("1969-12-31T23:59:59.75Z", -250_000_000, id="before the epoch"),
]
EPOCH = [
    pytest.param(S, NS, id="seconds"),
    pytest.param(S + 0.25, NS + 250_000_000, id="fractional seconds"),
    pytest.param(S * 1000 + 7, NS + 7_000_000, id="milliseconds"),
    pytest.param(S * 10**6 + 7, NS + 7_000, id="microseconds"),
    pytest.param(NS + 7, NS + 7, id="nanoseconds"),
    pytest.param(-5, -5 * 10**9, id="before the epoch"),
    pytest.param(0, 0, id="the epoch"),
]
BAD = [
    pytest.param("2023-11-14T22:13:20", id="no offset: the moment is not known"),
    pytest.param("2023-02-30T00:00:00Z", id="a day that is none"),
    pytest.param("2023-11-14T24:00:00Z", id="an hour that is none"),
    pytest.param("2023-11-14T22:13:61Z", id="a second that is none"),
    pytest.param("14.11.2023", id="another notation"),
    pytest.param("1e9", id="a number in quotes that is no epoch"),
    pytest.param("2263-01-01T00:00:00Z", id="beyond 64 bits"),
    pytest.param(float("nan"), id="not a number"),
    pytest.param(float("-inf"), id="infinite"),
    pytest.param(10**19, id="nanoseconds beyond 64 bits"),
    pytest.param(99_999_999_999, id="seconds beyond 64 bits of nanoseconds"),
]


@pytest.mark.parametrize(("text", "expected"), RFC3339)
def test_rfc_3339(text: str, expected: int) -> None:
    assert rfc3339_ns(text) == event_time_ns(text) == EventTimes().read(text) == expected


@pytest.mark.parametrize(("number", "expected"), EPOCH)
def test_the_unit_of_an_epoch_time_follows_from_its_magnitude(number: float, expected: int) -> None:
    assert epoch_ns(number) == event_time_ns(number) == EventTimes().read(number) == expected


@pytest.mark.parametrize("stamp", BAD)
def test_what_is_no_time_is_rejected(stamp: float | str) -> None:
    for read in (event_time_ns, EventTimes().read):
        with pytest.raises(Rejected) as caught:
            read(stamp)
        assert caught.value.reason is RejectReason.BAD_TIMESTAMP


def test_a_second_that_is_known_reads_as_the_first_time() -> None:
    times = EventTimes()
    stamps = ["2023-11-14T22:13:20.250Z", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.999Z", "2023-11-14T22:13:20.25Z"]
    assert [times.read(stamp) - NS for stamp in stamps] == [250_000_000, 0, 999_000_000, 250_000_000]


def test_a_known_second_does_not_excuse_what_follows_it() -> None:
    times = EventTimes()
    times.read("2023-11-14T22:13:20Z")
    with pytest.raises(Rejected):
        times.read("2023-11-14T22:13:20.1x3Z")
