"""The judge complains of each thing that on-call would complain of, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.ordinary.judge import judge
from tests.ordinary.play import Alert, Outcome, Track
from tests.ordinary.weeks import MONDAY_S, Weeks, plus

DAY = 86_400.0
START = MONDAY_S + 10 * DAY + 36_000.0


def _story() -> Weeks:
    """Two weeks of 50 +- 2, thirty more for an hour on day 10 at 10:00."""
    w = Weeks(np.random.default_rng(3), 14, 300)
    w.metric("cpu_percent", 50.0, 2.0, high=100.0)
    return w.happens("cpu_percent", 10, "10:00", 60, plus(30.0))


def _outcome(w: Weeks) -> Outcome:
    """What a perfect detector tells of it."""
    time_s, value = w.time_s, w.feeds[0].metrics["cpu_percent"].value
    odd = (time_s >= START) & (time_s < START + 3600)
    n = len(time_s)
    track = Track(time_s, odd * 1.5, odd, value, np.full(n, 40.0), np.full(n, 60.0), ["cpu_percent"] * n)
    return Outcome({"shop/a": track}, [Alert("shop/a", START, START, START + 3900, "cpu_percent")], [], 0)


def _track(change: Callable[[Track], Track]) -> Callable[[Outcome], Outcome]:
    return lambda outcome: replace(outcome, tracks={"shop/a": change(outcome.tracks["shop/a"])})


def _goes_on(track: Track) -> Track:
    longer = (track.time_s >= START) & (track.time_s < START + 12_000)
    return replace(track, anomalous=longer, value=np.where(longer, 90.0, track.value))


def _false(day: float) -> Alert:
    return Alert("shop/a", MONDAY_S + day * DAY, MONDAY_S + day * DAY, MONDAY_S + day * DAY + 900, "cpu_percent")


def test_a_perfect_outcome_raises_no_complaint() -> None:
    w = _story()
    assert judge(w, _outcome(w)) == []


@pytest.mark.parametrize(
    ("about", "change"),
    [
        ("found", lambda o: replace(o, alerts=[])),
        ("found", lambda o: replace(o, alerts=[replace(o.alerts[0], decided_s=START + 1800)])),
        ("held", _track(lambda t: replace(t, anomalous=t.anomalous & (t.time_s < START + 900)))),
        ("over", _track(_goes_on)),
        ("quiet", lambda o: replace(o, alerts=[*o.alerts, _false(8), _false(9)])),
        ("quiet", lambda o: replace(o, alerts=[*o.alerts, _false(1), _false(2), _false(3)])),
        ("quiet", lambda o: replace(o, silences=[("shop/a", START, START + 60)])),
        ("band", _track(lambda t: replace(t, high=np.full(len(t.high), 95.0)))),
        ("band", _track(lambda t: replace(t, low=np.full(len(t.low), -1.0)))),
        ("band", _track(lambda t: replace(t, high=np.full(len(t.high), 52.0)))),
        ("band", _track(lambda t: replace(t, high=np.full(len(t.high), 101.0)))),
    ],
    ids=[
        "an incident that nobody tells",
        "an incident that is told too late",
        "an alert that is over too soon",
        "an alert that goes on for hours",
        "two false alerts in a week",
        "three false alerts while it learns",
        "a silence that is none",
        "a value inside of the band that it left",
        "a bound below the least there is",
        "calm values outside of their band",
        "a bound above the most there is",
    ],
)
def test_what_is_wrong_is_told_under_its_heading(about: str, change: Callable[[Outcome], Outcome]) -> None:
    w = _story()
    assert {c.about for c in judge(w, change(_outcome(w)))} == {about}


def test_a_band_ten_times_as_wide_as_the_noise_is_told() -> None:
    w = _story()
    w.feeds[0].metrics["cpu_percent"].plain[:] = 50 + 0.5 * np.random.default_rng(1).standard_normal(len(w.time_s))
    assert "times as wide" in judge(w, _outcome(w))[0].text


def test_missing_telemetry_is_asked_for_in_time() -> None:
    w = _story().goes_missing(12, "10:00", 60, within_min=12)
    begin = MONDAY_S + 12 * DAY + 36_000
    told = replace(_outcome(w), silences=[("shop/a", begin + 600, begin + 3600)])
    assert judge(w, told) == []
    assert {c.about for c in judge(w, _outcome(w))} == {"missing"}
    late = replace(told, silences=[("shop/a", begin + 1800, begin + 3600)])
    assert {c.about for c in judge(w, late)} == {"missing"}
