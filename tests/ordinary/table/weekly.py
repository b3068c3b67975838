"""The working week and the clock on the wall."""

from __future__ import annotations

import numpy as np

from tests.ordinary.weeks import Floats, Situation, Weeks, daily, office, times, to

WEEK, CLOCK = "the working week", "the clocks change"


def _traffic(w: Weeks, *, weekend: float = 0.12, growth_a_week: float = 0.0, shift_h: Floats | float = 0.0) -> Weeks:
    usual = office(w, 280, 2400, weekend, shift_h) * (1 + growth_a_week) ** (w.day / 7)
    return w.metric("requests_per_min", usual, 0.05 * usual * w.rng.standard_normal(len(usual)))


def _weekends(w: Weeks, first: int) -> Weeks:
    """Ordinary weekends from this one on (0: the first) are quiet; earlier ones may be told."""
    for week in range(int(w.days) // 7):
        if week < first:
            w.may_alert(7 * week + 5, "00:00", 3 * 1440, "the first weekends")
        elif 7 * week + 7 <= w.days:
            w.stays_quiet(7 * week + 5, "00:00", 2880, "an ordinary weekend")
    return w


def _summer(w: Weeks, day: float, hours: float) -> Floats:
    return np.where(w.day >= day, hours, 0.0)


def _clock(w: Weeks, hours: float, *, several: bool = False) -> None:
    """The clocks change on the third Sunday: from then on the same people come an hour earlier or later, in UTC."""
    shift = _summer(w, 20.1, hours)
    _traffic(w, weekend=0.4, shift_h=shift)
    if several:
        usual = 8 + office(w, 4, 55, 0.4, shift)
        w.metric("cpu_percent", usual, 1.5, high=100.0)
        w.metric("p95_ms", 90 + office(w, 0, 40, 0.4, shift), 4.0)
    _weekends(w, 1)
    w.may_alert(20, "00:00", 3 * 1440, "the days after the change")
    w.stays_quiet(23, "12:00", int(1440 * (w.days - 23.5)), "an ordinary day after the clocks have changed")
    w.quiet = [
        span
        for span in w.quiet
        if not span.why.startswith("an ordinary weekend")
        or span.end_s < w.allowed[-1].start_s
        or span.start_s > w.allowed[-1].end_s
    ]


TABLE = (
    Situation(
        "a Wednesday noon has the traffic of a weekend",
        WEEK,
        35,
        lambda w: _weekends(_traffic(w), 2).happens("requests_per_min", 30, "10:00", 120, times(0.22), within_min=15),
    ),
    Situation(
        "a Thursday noon has the traffic of a weekend in the third week",
        WEEK,
        21,
        lambda w: _weekends(_traffic(w), 2).happens("requests_per_min", 17, "11:00", 120, times(0.22), within_min=15),
    ),
    Situation(
        "nothing arrives for two hours at noon",
        WEEK,
        28,
        lambda w: _weekends(_traffic(w), 2).happens("requests_per_min", 24, "11:00", 120, to(3.0, 1.0)),
    ),
    Situation(
        "nothing arrives for two hours at night",
        WEEK,
        28,
        lambda w: _weekends(_traffic(w), 2).happens("requests_per_min", 24, "02:00", 120, to(3.0, 1.0)),
    ),
    Situation(
        "a fifth of the traffic at noon, in a week without weekends",
        WEEK,
        21,
        lambda w: _traffic(w, weekend=1.0).happens("requests_per_min", 16, "10:00", 120, times(0.22), within_min=15),
    ),
    Situation(
        "a fifth of the traffic at noon, with processor and latency beside it",
        WEEK,
        28,
        lambda w: (
            _weekends(_traffic(w), 2)
            .metric("cpu_percent", 10 + office(w, 0, 55, 0.12), 1.5, high=100.0)
            .metric("p95_ms", 90.0, 4.0)
            .happens("requests_per_min", 24, "10:00", 120, times(0.22), within_min=15)
            .change("cpu_percent", 24, "10:00", 120, times(0.75)),
            w.unbanded(),
        ),
    ),
    Situation(
        "the traffic of a weekday on a Sunday",
        WEEK,
        35,
        lambda w: _weekends(_traffic(w), 2).happens("requests_per_min", 34, "10:00", 120, to(2200.0, 80.0)).quiet.pop(),
    ),
    Situation(
        "eighty per cent more traffic for an hour",
        WEEK,
        14,
        lambda w: w.metric("requests_per_min", daily(w, 550, 1450), 25.0).happens(
            "requests_per_min", 10, "15:00", 60, times(1.8)
        ),
    ),
    Situation("five ordinary weeks", WEEK, 35, lambda w: _weekends(_traffic(w), 2)),
    Situation(
        "five ordinary weeks of three metrics",
        WEEK,
        35,
        lambda w: _weekends(
            _traffic(w)
            .metric("cpu_percent", 10 + office(w, 0, 55, 0.12), 1.5, high=100.0)
            .metric("p95_ms", 90 + office(w, 0, 30, 0.12), 4.0),
            2,
        ),
    ),
    Situation(
        "a Monday holiday is told once at most",
        WEEK,
        35,
        lambda w: (
            _weekends(_traffic(w), 2),
            w.change("requests_per_min", 28, "00:00", 1440, lambda rng, v, x: np.minimum(v, 0.15 * v + 250)),
            w.may_alert(28, "00:00", 1600, "a holiday"),
            w.stays_quiet(29, "08:00", 1440, "the day after a holiday"),
        ),
    ),
    Situation(
        "traffic grows by two per cent a week", WEEK, 42, lambda w: _weekends(_traffic(w, growth_a_week=0.02), 2)
    ),
    Situation("the clocks go back", CLOCK, 35, lambda w: _clock(w, -1)),
    Situation("the clocks go forward", CLOCK, 35, lambda w: _clock(w, 1)),
    Situation("the clocks go back, with several metrics", CLOCK, 35, lambda w: _clock(w, -1, several=True)),
    Situation(
        "an outage at noon after the clocks have changed",
        CLOCK,
        35,
        lambda w: (
            _clock(w, -1),
            w.quiet.clear(),
            w.happens("requests_per_min", 30, "11:00", 120, times(0.2), within_min=15),
        ),
    ),
)
