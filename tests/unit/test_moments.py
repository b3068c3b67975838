"""Durations and moments as people write them."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured
from models.moments import LONGEST_S, duration_ns, duration_s, moment_ns

NOW_NS = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z
SECOND_NS = 1_000_000_000

DURATIONS = {
    "seconds": ("90s", 90.0),
    "minutes": ("5m", 300.0),
    "a fraction of hours": ("1.5h", 5400.0),
    "days": ("2d", 172_800.0),
    "weeks": ("1w", 604_800.0),
    "nothing": ("0s", 0.0),
    "a century at most": ("36500d", float(LONGEST_S)),
}
NO_DURATIONS = {
    "no unit": "90",
    "no number": "h",
    "an unknown unit": "3y",
    "two parts": "1h30m",
    "a sign": "-1h",
    "space": "1 h",
    "empty": "",
    "more than a century": "36501d",
    "digits of another script": "٣h",
    "two points": "1.2.3h",
}
MOMENTS = {
    "a time ago with its sign": ("-90m", -5400.0),
    "a time ago without a sign": ("7d", -604_800.0),
    "a fraction of hours ago": ("-1.5h", -5400.0),
    "a time to come": ("+1h", 3600.0),
    "weeks ago": ("2w", -1_209_600.0),
    "now as a duration": ("-0s", 0.0),
    "now as a word": ("now", 0.0),
    "RFC 3339 in UTC": ("2023-11-14T22:13:21Z", 1.0),
    "RFC 3339 with milliseconds": ("2023-11-14T22:13:20.250Z", 0.25),
    "RFC 3339 with an offset": ("2023-11-14T23:13:20+01:00", 0.0),
    "RFC 3339 with a space": ("2023-11-14 22:13:20Z", 0.0),
    "RFC 3339 in small letters": ("2023-11-14t22:13:20z", 0.0),
    "without seconds": ("2023-11-14T22:13Z", -20.0),
}
NO_MOMENTS = {
    "no zone": ("2023-11-14T22:13:20", "has no zone"),
    "a day without a time": ("2023-11-14", "has no zone"),
    "a month that is none": ("2023-13-14T22:13:20Z", "is no time"),
    "a word": ("yesterday", "is no time"),
    "empty": ("", "is no time"),
    "an unknown unit": ("-3y", "is no duration"),
    "a number alone": ("1700000000", "is no time"),
    "more than a century ago": ("-40000d", "longer than a century"),
}


@pytest.mark.parametrize(("text", "seconds"), DURATIONS.values(), ids=DURATIONS)
def test_durations(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds
    assert duration_ns(text) == seconds * SECOND_NS


@pytest.mark.parametrize("text", NO_DURATIONS.values(), ids=NO_DURATIONS)
def test_texts_that_are_no_duration_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        duration_s(text)


@pytest.mark.parametrize(("text", "away_s"), MOMENTS.values(), ids=MOMENTS)
def test_moments(text: str, away_s: float) -> None:
    assert moment_ns(text, NOW_NS) == NOW_NS + round(away_s * SECOND_NS)


@pytest.mark.parametrize(("text", "problem"), NO_MOMENTS.values(), ids=NO_MOMENTS)
def test_texts_that_are_no_moment_are_refused_with_what_to_write(text: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=problem):
        moment_ns(text, NOW_NS)
