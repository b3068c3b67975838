"""Levels that change for good, growth, huge values, and what stands still."""

from __future__ import annotations

import numpy as np

from tests.ordinary.weeks import (
    Floats,
    Situation,
    Weeks,
    autoregression,
    daily,
    grows,
    noisier,
    plus,
    stands_still,
    times,
    to,
)

GROWTH, LEVEL, HUGE, STILL = "slow growth", "a new level for good", "after something huge", "something stands still"


def _memory(w: Weeks) -> Weeks:
    return w.metric("memory_percent", 48.0, 1.2 * autoregression(w.rng, len(w.time_s), 0.9), high=100.0)


def _leak(w: Weeks, hours: float, within_h: float, *, several: bool = False) -> None:
    _memory(w)
    if several:
        w.metric("cpu_percent", 35 + daily(w, 0, 20), 2.0, high=100.0).metric("p95_ms", 110.0, 4.0)
    w.happens("memory_percent", 10, "08:00", 60 * hours, grows(52.0), within_min=60 * within_h, held=False)
    w.may_alert(10, "08:00", 60 * hours + 24 * 60, "a leak, and the restart after it")
    if not several:
        w.unbanded()


def _new_level(w: Weeks, day: int, level: Floats | float, calm_after_h: float = 12.0) -> None:
    """From nine on a day everything is at another level, which is told once and then learnt."""
    start, _ = w.where(day, "09:00", 0)
    one = w.feeds[0].metrics[next(iter(w.feeds[0].metrics))]
    after = w.time_s >= start
    one.value[after] = np.clip(level[after] if isinstance(level, np.ndarray) else level, one.low, one.high)
    w.happens(next(iter(w.feeds[0].metrics)), day, "09:00", 30, plus(0.0), held=False, over_min=60 * calm_after_h)
    w.stays_quiet(day + 1, "09:00", 1440 * (w.days - day - 1) - 540, "a level that is a day old")
    w.unbanded()


TABLE = (
    Situation("memory leaks in eight hours", GROWTH, 12, lambda w: _leak(w, 8, 4)),
    Situation("memory leaks in a day", GROWTH, 13, lambda w: _leak(w, 24, 12)),
    Situation("memory leaks in three days", GROWTH, 15, lambda w: _leak(w, 72, 36)),
    Situation("memory leaks in a day, with other metrics", GROWTH, 13, lambda w: _leak(w, 24, 12, several=True)),
    Situation(
        "a disk fills evenly over a month",
        GROWTH,
        30,
        lambda w: w.metric("disk_used_percent", 40 + 0.7 * w.day, 0.05, high=100.0).stays_quiet(
            7, "00:00", 22 * 1440, "ordinary growth"
        ),
    ),
    Situation(
        "a disk fills evenly, with processor and operations beside it",
        GROWTH,
        21,
        lambda w: (
            w.metric("disk_used_percent", 40 + 0.7 * w.day, 0.05, high=100.0)
            .metric("cpu_percent", 20 + daily(w, 0, 10), 1.5, high=100.0)
            .metric("iops", 180.0, 12.0)
            .unbanded()
        ),
    ),
    Situation(
        "a quiet metric begins to grow by two per cent a week",
        GROWTH,
        42,
        lambda w: w.metric("active_users", 1000 * (1 + 0.02 * np.maximum(w.day - 14, 0) / 7), 30.0),
    ),
    Situation(
        "a gauge stands at another level for good, exactly",
        LEVEL,
        12,
        lambda w: (
            w.metric("open_sessions", 21.0, w.rng.integers(-1, 2, len(w.time_s)).astype(float)),
            _new_level(w, 8, 60.0),
        ),
        60,
    ),
    Situation(
        "latency is half as high again for good after a deploy",
        LEVEL,
        14,
        lambda w: (w.metric("p95_ms", 120.0, 4.0), _new_level(w, 9, 180 + 5 * w.rng.standard_normal(len(w.time_s)))),
    ),
    Situation(
        "processor use is halved for good",
        LEVEL,
        14,
        lambda w: (
            w.metric("cpu_percent", daily(w, 30, 60), 2.0, high=100.0),
            _new_level(w, 9, daily(w, 12, 25) + 1.2 * w.rng.standard_normal(len(w.time_s)), 20),
        ),
    ),
    Situation(
        "a new level for good, with other metrics",
        LEVEL,
        14,
        lambda w: (
            w.metric("open_sessions", 21.0, 1.0),
            *(w.metric(f"m{k}", 50.0 + 10 * k, 1.5) for k in range(4)),
            _new_level(w, 9, 60 + 1.5 * w.rng.standard_normal(len(w.time_s))),
        ),
    ),
    Situation(
        "a deploy makes a step too small to hear of",
        LEVEL,
        14,
        lambda w: w.metric("memory_mb", 500 + 4 * (w.day > 9), 4.0).stays_quiet(9, "00:00", 4 * 1440, "a small step"),
    ),
    Situation(
        "the band is narrow again a day after sixty times the value",
        HUGE,
        10,
        lambda w: (
            w.metric("p95_ms", 120.0, 4.0)
            .happens("p95_ms", 6, "03:00", 6, times(60))
            .happens("p95_ms", 7, "12:00", 15, times(2))
            .judged_from(7, 1)
        ),
        60,
    ),
    Situation(
        "a sample of ten to the eighteenth",
        HUGE,
        12,
        lambda w: (
            w.metric("queue_depth", 80.0, 6.0)
            .happens("queue_depth", 8, "04:00", 5, to(1e18), held=False)
            .happens("queue_depth", 9, "10:00", 30, times(3))
        ),
    ),
    Situation(
        "a sensor repeats its last value for six hours",
        STILL,
        10,
        lambda w: (
            w.metric("temp_c", 47.0, 2.0)
            .happens("temp_c", 8, "09:00", 360, stands_still(), within_min=60, held=False)
            .unbanded()
        ),
        60,
    ),
    Situation(
        "a sensor repeats its last value, beside two others",
        STILL,
        10,
        lambda w: (
            w.metric("temp_c", 47.0, 2.0)
            .metric("fan_rpm", 2000.0, 12.0)
            .metric("watts", 300.0, 8.0)
            .happens("temp_c", 8, "09:00", 360, stands_still(), within_min=90, held=False)
            .unbanded()
        ),
    ),
    Situation(
        "nothing moves but once",
        STILL,
        8,
        lambda w: w.metric("replicas", 3.0).judged_from(2, 0).happens("replicas", 5, "10:00", 20, to(1.0)),
        60,
    ),
    Situation(
        "nothing of three metrics moves but once",
        STILL,
        8,
        lambda w: (
            w.metric("replicas", 3.0).metric("lag", 0.0).metric("version", 7.0).judged_from(2, 0),
            w.happens("replicas", 5, "10:00", 20, to(1.0)),
        ),
    ),
    Situation("a constant stays constant", STILL, 14, lambda w: w.metric("version", 7.0).judged_from(1, 0), 60),
    Situation(
        "a disabled queue is used for the first time",
        STILL,
        14,
        lambda w: w.metric("queue_depth", 0.0).judged_from(1, 0).happens("queue_depth", 9, "10:00", 60, to(50.0, 5.0)),
    ),
    Situation(
        "noise doubles for good",
        LEVEL,
        16,
        lambda w: (
            w.metric("temp_c", 50.0, 1.0)
            .change("temp_c", 9, "09:00", 7 * 1440 - 540, noisier(1.7))
            .may_alert(9, "09:00", 1440, "noise that has doubled")
            .stays_quiet(11, "09:00", 4 * 1440, "noise that doubled days ago")
            .unbanded()
        ),
    ),
)
