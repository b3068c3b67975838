"""Scales, counters and gauges, missing and odd samples, first hours, and what is quiet whatever it looks like."""

from __future__ import annotations

import numpy as np

from tests.ordinary.weeks import DAY_S, Floats, Situation, Weeks, autoregression, daily, office, plus, times, to

SCALE, COUNTER, MISSING = "scale", "counter or gauge", "something is missing"
YOUNG, CALM, RARE = "first hours", "quiet whatever it looks like", "rare counts"


def _scaled(factor: float, offset: float = 0.0) -> object:
    def story(w: Weeks) -> None:
        bound = {"low": -np.inf, "high": np.inf}
        w.metric("reading", offset + 100 * factor, 3 * abs(factor), **bound).judged_from(2)
        w.happens("reading", 4, "10:00", 10, to(offset + 160 * factor, 3 * abs(factor)))
        w.happens("reading", 6, "16:00", 10, to(offset + 160 * factor, 3 * abs(factor)))

    return story


def _counted(w: Weeks, name: str, rate: Floats, *, restart_day: float | None = 9.0) -> Weeks:
    """A counter that starts again at 0 once, as processes do."""
    steps = w.rng.poisson(np.maximum(rate * w.interval_s, 0)).astype(float)
    total = 5e6 + np.cumsum(steps)
    if restart_day is not None:
        begin = int(restart_day * DAY_S / w.interval_s)
        total[begin:] -= total[begin - 1]
    w.metric(name, total)
    return w.unbanded()


def _counter(name: str) -> object:
    def story(w: Weeks) -> None:
        rate = daily(w, 40, 90)
        fault = (w.day >= 11) & (w.day < 11 + 1 / 24)
        _counted(w, name, np.where(fault, 6 * rate, rate))
        w.happens(name, 11, "00:00", 60, plus(0.0))

    return story


def _gauge(name: str) -> object:
    def story(w: Weeks) -> None:
        level = daily(w, 180, 260)
        w.metric(name, level, 0.02 * level * w.rng.standard_normal(len(level)), rounded=True)
        w.happens(name, 11, "10:00", 60, times(2.5))

    return story


def _job(w: Weeks, *, every_h: float, missing_from: str, day: float, runs: int, within_h: float) -> None:
    """A job's result, another entity that goes on beside it, and some runs that are not there."""
    w.metric("rows_loaded", 1200.0, 60.0)
    other = w.beside("other")
    other.time_s = w.time_s[0] + 300.0 * np.arange(int(w.days * DAY_S / 300))
    w.metric("queue", 50.0, 4.0, feed=other)
    w.goes_missing(day, missing_from, 60 * every_h * runs - 1, within_min=60 * within_h)
    w.judged_from(min(7, w.days / 2)).unbanded()
    w.may_alert(day, missing_from, 60 * (every_h * runs + 3), "what comes after")


def _pods(w: Weeks) -> None:
    """Three pods are replaced by three others each second day."""
    first = w.feeds[0]
    first.entity = ("cart", "cart-0-a")
    w.metric("req_s", 80.0, 6.0)
    w.metric("rss_mb", 220 + 10 * np.minimum(w.day % 2, 0.2), 2.0)
    pods = [first] + [w.beside(f"cart-{generation}-{pod}", "cart") for generation in range(4) for pod in "abc"
                      if (generation, pod) != (0, "a")]  # fmt: skip
    for feed in pods[1:]:
        w.metric("req_s", 80.0, 6.0, feed=feed)
        w.metric("rss_mb", 220.0, 2.0, feed=feed)
    for feed in pods:
        generation = int(feed.entity[1].split("-")[1])
        gone = ((feed.time_s - feed.time_s[0]) // (2 * DAY_S)).astype(int) != generation
        for one in feed.metrics.values():
            one.value[gone] = np.nan
    for feed in pods:
        feed.time_s = feed.time_s.copy()
    w.judged_from(0, 0).unbanded()
    w.false_alarms_a_week = 0.35


def _rare(w: Weeks, mean: float) -> Floats:
    return w.rng.poisson(mean, len(w.time_s)) - mean


TABLE = (
    *(
        Situation(f"a jump of twenty deviations, {label}", SCALE, 8, _scaled(factor, offset), 60)
        for label, factor, offset in (
            ("in units", 1.0, 0.0),
            ("in picounits", 1e-12, 0.0),
            ("in units of 1e-18", 1e18, 0.0),
            ("below zero", -1.0, 0.0),
            ("about zero", 1.0, -100.0),
            ("on a million", 1.0, 1e6),
        )
    ),
    *(
        Situation(f"{name} is a counter", COUNTER, 14, _counter(name))
        for name in ("net_bytes_recv", "cpu_time_user", "http_requests_total", "diskio_reads", "events_seen")
    ),
    *(
        Situation(f"{name} is a gauge", COUNTER, 14, _gauge(name))
        for name in ("processes_total", "thread_count", "active_session_count", "queue_size")
    ),
    Situation(
        "payments stop coming for forty minutes",
        MISSING,
        10,
        lambda w: (
            w.metric("payments", 140.0, 11.0).judged_from(2),
            w.metric("payments", 130.0, 11.0, feed=w.beside("b")),
            w.goes_missing(8, "10:00", 40, within_min=11),
            w.may_alert(8, "10:40", 30, "the return"),
        ),
        60,
    ),
    Situation(
        "payments are zero for forty minutes, twice",
        MISSING,
        10,
        lambda w: (
            w.metric("payments", 140.0, 11.0)
            .judged_from(2)
            .happens("payments", 5, "10:00", 40, to(0.0), within_min=3)
            .happens("payments", 8, "15:00", 40, to(0.0), within_min=3)
        ),
        60,
    ),
    Situation(
        "an hourly job misses five runs",
        MISSING,
        21,
        lambda w: _job(w, every_h=1, missing_from="10:30", day=16, runs=5, within_h=4),
        3600,
    ),
    Situation(
        "a nightly job misses a night",
        MISSING,
        40,
        lambda w: _job(w, every_h=24, missing_from="00:00", day=30, runs=1, within_h=36),
        86400,
    ),
    Situation(
        "one of four metrics vanishes for good",
        MISSING,
        9,
        lambda w: (
            *(
                w.metric(name, level, spread)
                for name, level, spread in (
                    ("rps", 300.0, 12.0),
                    ("p95_ms", 38.0, 3.0),
                    ("conns", 93.0, 4.0),
                    ("errors_ratio", 0.001, 0.0002),
                )
            ),
            w.change("conns", 6, "10:00", 3 * 1440 - 600, lambda rng, v, x: np.full_like(v, np.nan)),
            w.happens("conns", 6, "10:00", 60, plus(0.0), within_min=20, held=False, over_min=12 * 60),
            w.judged_from(3).unbanded(),
        ),
    ),
    Situation("pods are replaced every second day", MISSING, 8, _pods),
    Situation(
        "a tenth of the samples is missing",
        CALM,
        21,
        lambda w: w.metric("cpu_percent", daily(w, 20, 50), 2.0, high=100.0).change(
            "cpu_percent", 0, "00:00", 21 * 1440, lambda rng, v, x: np.where(rng.random(len(v)) < 0.1, np.nan, v)
        ),
    ),
    Situation(
        "samples come repeated and out of order",
        CALM,
        10,
        lambda w: (
            setattr(w, "shuffled", True),
            setattr(w, "repeated", True),
            w.metric("cpu_percent", daily(w, 20, 50), 2.0, high=100.0).happens(
                "cpu_percent", 8, "10:00", 20, plus(60.0)
            ),
            w.happens("cpu_percent", 9, "15:00", 20, plus(40.0)),
        ),
        60,
    ),
    Situation(
        "errors are rare, and stay so",
        RARE,
        28,
        lambda w: w.metric("errors_per_min", 0.2, _rare(w, 0.2), rounded=True),
    ),
    Situation(
        "errors are rare, then are not",
        RARE,
        21,
        lambda w: (
            w.metric("errors_per_min", 0.5, _rare(w, 0.5), rounded=True)
            .happens("errors_per_min", 12, "10:00", 30, lambda rng, v, x: rng.poisson(12, len(v)).astype(float))
            .happens("errors_per_min", 17, "16:00", 30, lambda rng, v, x: rng.poisson(12, len(v)).astype(float))
        ),
    ),
    Situation(
        "mostly zero, sometimes a few",
        RARE,
        28,
        lambda w: w.metric(
            "retries", 0.0, np.where(w.rng.random(len(w.time_s)) < 0.03, w.rng.poisson(3, len(w.time_s)), 0.0)
        ),
    ),
    Situation(
        "an error ratio is mostly zero, then a tenth",
        RARE,
        14,
        lambda w: (
            w.metric("error_ratio", 0.0, np.where(w.rng.random(len(w.time_s)) < 0.1, 0.002, 0.0), high=1.0)
            .happens("error_ratio", 9, "10:00", 30, to(0.1, 0.01))
            .happens("error_ratio", 12, "18:00", 30, to(0.1, 0.01))
        ),
    ),
    Situation("plain noise", CALM, 28, lambda w: w.metric("reading", 100.0, 5.0)),
    Situation(
        "noise with heavy tails",
        CALM,
        28,
        lambda w: w.metric("latency_ms", 20.0, np.exp(3 + 0.6 * w.rng.standard_normal(len(w.time_s))) - 20.0),
    ),
    Situation(
        "wandering noise", CALM, 28, lambda w: w.metric("load", 50.0, 6 * autoregression(w.rng, len(w.time_s), 0.97))
    ),
    Situation(
        "a percentage at its ceiling",
        CALM,
        21,
        lambda w: w.metric("hit_percent", 97.0, 3 * autoregression(w.rng, len(w.time_s), 0.8), high=100.0),
    ),
    Situation(
        "eight metrics of an ordinary host",
        CALM,
        21,
        lambda w: [w.metric(f"m{k}", 40 + daily(w, 0, 5.0 * k), 2.0 + 0.3 * k) for k in range(8)],
    ),
    Situation(
        "a quiet first day",
        YOUNG,
        2,
        lambda w: w.metric("cpu_percent", daily(w, 20, 50), 2.0, high=100.0).judged_from(2, 1).unbanded(),
        60,
    ),
    Situation(
        "a quiet first day of six metrics",
        YOUNG,
        2,
        lambda w: ([w.metric(f"m{k}", 40 + 5.0 * k, 2.0) for k in range(6)], w.judged_from(2, 1).unbanded()),
    ),
    Situation(
        "the first hour at one sample a second",
        YOUNG,
        1 / 24,
        lambda w: (
            w.metric("cpu_percent", 20.0, 4 * autoregression(w.rng, len(w.time_s), 0.7), high=100.0)
            .metric("memory_percent", 40.0, 0.05, high=100.0)
            .metric("disk_util_percent", 0.0, np.where(w.rng.random(len(w.time_s)) < 0.05, 6.0, 0.0), high=100.0)
            .judged_from(1, 0)
            .unbanded()
        ),
        1,
    ),
    Situation(
        "everything fails in the first afternoon",
        YOUNG,
        1,
        lambda w: (
            w.metric("error_ratio", 0.004, 0.001, high=1.0)
            .judged_from(1, 1)
            .unbanded()
            .happens("error_ratio", 0, "15:00", 30, to(0.5, 0.05))
        ),
        60,
    ),
    Situation(
        "season, growth and noise together",
        CALM,
        28,
        lambda w: w.metric("requests", office(w, 300, 900, 0.8) * (1 + 0.01 * w.day / 7), 25.0).may_alert(
            5, "00:00", 3 * 1440, "the first weekend"
        ),
    ),
)
