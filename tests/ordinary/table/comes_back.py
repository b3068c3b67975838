"""An incident that comes back is an incident again; a schedule that has been learnt is none."""

from __future__ import annotations

import numpy as np

from tests.ordinary.weeks import Situation, Weeks, autoregression, daily, grows, noisier, plus, times, to

AGAIN, SCHEDULE = "an incident that comes back", "a schedule is learnt"


def _probe(w: Weeks) -> Weeks:
    return w.metric("probe_success", 1.0, high=1.0).judged_from(2)


def _p95(w: Weeks) -> Weeks:
    return w.metric("p95_ms", 120.0, 4.0).judged_from(2)


def _errors(w: Weeks) -> Weeks:
    return w.metric("errors_per_min", 0.3, w.rng.poisson(0.3, len(w.time_s)) - 0.3, rounded=True).judged_from(3)


def _backup(w: Weeks, *, moved_day: int | None = None, without: tuple[int, ...] = ()) -> Weeks:
    """Forty minutes about two every night, five minutes earlier or later."""
    w.metric("cpu_percent", 12 + 0.2 * daily(w, 0, 10), 1.5, high=100.0)
    for night in range(int(w.days)):
        if night in without:
            continue
        minute = int(w.rng.integers(-5, 6))
        hour = 3 if moved_day is not None and night >= moved_day else 2
        begin = hour * 60 + minute
        clock = f"{begin // 60:02}:{begin % 60:02}"
        w.change("cpu_percent", night, clock, 40, to(82.0, 3.0))
        if night < 3:
            w.may_alert(night, clock, 90, "the first nights of a backup")
        elif moved_day is None or not moved_day <= night < moved_day + 3:
            w.stays_quiet(night, clock, 40, "the nightly backup")
        else:
            w.may_alert(night, "01:50", 180, "the first nights of a backup that was moved")
    return w


def _hourly_flush(w: Weeks) -> None:
    """Ten minutes at the beginning of each hour."""
    w.metric("disk_write_mb_s", 5.0, 0.6)
    minute = w.time_s % 3600 / 60
    value = w.feeds[0].metrics["disk_write_mb_s"].value
    value[minute < 10] += 60 + 3 * w.rng.standard_normal(int((minute < 10).sum()))
    w.judged_from(2).unbanded()
    w.stays_quiet(4, "00:00", 1440, "a flush every hour")


def _monthly(w: Weeks) -> None:
    w.metric("queue_depth", 400.0, 20.0)
    for month, day in enumerate((29, 60, 91)):  # the last evenings of June, July, August
        w.change("queue_depth", day, "20:00", 180, times(6))
        if month == 0:
            w.may_alert(day, "19:30", 300, "the first end of a month")
        else:
            w.stays_quiet(day, "20:00", 180, "the end of a month, as the month before")


def _with_quiet_metrics(w: Weeks) -> None:
    for name, level, spread in (("cpu_percent", 40.0, 3.0), ("connections", 220.0, 9.0)):
        w.metric(name, level, spread)


TABLE = (
    Situation(
        "a probe fails three times, days apart",
        AGAIN,
        14,
        lambda w: (
            _probe(w)
            .happens("probe_success", 4, "10:13", 10, to(0.0))
            .happens("probe_success", 7, "15:40", 10, to(0.0))
            .happens("probe_success", 12, "03:05", 10, to(0.0))
        ),
        60,
    ),
    Situation(
        "a probe fails for an hour, two weeks after it did for ten minutes",
        AGAIN,
        21,
        lambda w: (
            _probe(w)
            .happens("probe_success", 4, "11:00", 10, to(0.0))
            .happens("probe_success", 18, "14:00", 60, to(0.0))
        ),
        60,
    ),
    Situation(
        "a probe fails for an hour twice, with its latency beside it",
        AGAIN,
        14,
        lambda w: (
            _probe(w)
            .metric("probe_duration_ms", 80.0, 6.0)
            .happens("probe_success", 5, "11:00", 60, to(0.0))
            .happens("probe_success", 11, "14:20", 60, to(0.0))
            .unbanded()
        ),
    ),
    Situation(
        "four plain spikes, hours apart",
        AGAIN,
        6,
        lambda w: (
            w.metric("value_c", 25.0, w.rng.uniform(-5, 5, len(w.time_s)))
            .judged_from(1)
            .happens("value_c", 1, "04:10", 5, to(100.0, 4.0))
            .happens("value_c", 1, "08:15", 5, to(100.0, 4.0))
            .happens("value_c", 2, "12:20", 5, to(100.0, 4.0))
            .happens("value_c", 4, "19:43", 5, to(100.0, 4.0))
        ),
        60,
    ),
    Situation(
        "latency is four times as high for a quarter of an hour, five times in two weeks",
        AGAIN,
        16,
        lambda w: [
            _p95(w).happens("p95_ms", day, clock, 15, times(4))
            if number == 0
            else w.happens("p95_ms", day, clock, 15, times(4))
            for number, (day, clock) in enumerate(
                ((3, "09:10"), (5, "16:40"), (8, "11:20"), (11, "22:05"), (14, "13:30"))
            )
        ],
        60,
    ),
    Situation(
        "latency is four times as high, hours and days after a spike of sixty times",
        AGAIN,
        14,
        lambda w: (
            _p95(w)
            .happens("p95_ms", 4, "03:00", 6, times(60))
            .happens("p95_ms", 5, "15:10", 15, times(4))
            .happens("p95_ms", 8, "10:00", 15, times(4))
            .happens("p95_ms", 12, "18:30", 15, times(4))
        ),
        60,
    ),
    Situation(
        "latency is four times as high after a huge spike, with more metrics",
        AGAIN,
        14,
        lambda w: (
            _with_quiet_metrics(w),
            _p95(w)
            .happens("p95_ms", 4, "03:00", 10, times(60))
            .happens("p95_ms", 6, "15:10", 20, times(4))
            .happens("p95_ms", 11, "10:00", 20, times(4)),
        ),
    ),
    Situation(
        "errors burst three times where there are next to none",
        AGAIN,
        14,
        lambda w: (
            _errors(w)
            .happens("errors_per_min", 5, "10:20", 20, to(40.0, 6.0))
            .happens("errors_per_min", 8, "17:00", 20, to(40.0, 6.0))
            .happens("errors_per_min", 12, "02:45", 20, to(40.0, 6.0))
        ),
        60,
    ),
    Situation(
        "memory leaks twice, with a restart between",
        AGAIN,
        16,
        lambda w: (
            w.metric("memory_percent", 48.0, autoregression(w.rng, len(w.time_s), 0.9), high=100.0)
            .happens("memory_percent", 8, "08:00", 600, grows(45.0), within_min=300, held=False)
            .happens("memory_percent", 13, "08:00", 600, grows(45.0), within_min=300, held=False)
        ),
    ),
    Situation(
        "the same latency incident on the same weekday, two weeks running",
        AGAIN,
        22,
        lambda w: _p95(w).happens("p95_ms", 8, "10:00", 30, times(3)).happens("p95_ms", 15, "10:00", 30, times(3)),
    ),
    Situation("a backup runs every night", SCHEDULE, 21, _backup),
    Situation(
        "a backup runs every night, and once at noon",
        SCHEDULE,
        21,
        lambda w: _backup(w).happens("cpu_percent", 18, "12:30", 40, to(82.0, 3.0)),
    ),
    Situation("a nightly backup is moved by an hour", SCHEDULE, 24, lambda w: _backup(w, moved_day=14)),
    Situation("every hour something is flushed", SCHEDULE, 6, _hourly_flush, 60),
    Situation("the end of a month is busy each time", SCHEDULE, 95, _monthly, 1800),
    Situation(
        "a report runs every Monday morning",
        SCHEDULE,
        35,
        lambda w: [
            w.metric("queue_depth", 50.0, 4.0),
            *(w.change("queue_depth", day, "08:00", 120, times(5)) for day in (0, 7, 14, 21, 28)),
            *(w.may_alert(day, "07:55", 200, "the first Mondays") for day in (0, 7, 14)),
            *(w.stays_quiet(day, "08:00", 120, "the report of every Monday") for day in (21, 28)),
        ],
    ),
    Situation(
        "noise triples for an hour, twice",
        AGAIN,
        14,
        lambda w: (
            w.metric("jitter_ms", 50.0, 2.0)
            .happens("jitter_ms", 8, "10:00", 60, noisier(14.0), within_min=30, held=False)
            .happens("jitter_ms", 12, "16:00", 60, noisier(14.0), within_min=30, held=False)
        ),
        60,
    ),
    Situation(
        "a queue fills twice on a working day",
        AGAIN,
        14,
        lambda w: (
            w.metric(
                "queue_depth", daily(w, 20, 120), np.sqrt(daily(w, 20, 120)) * w.rng.standard_normal(len(w.time_s))
            )
            .happens("queue_depth", 8, "11:00", 60, plus(400.0))
            .happens("queue_depth", 11, "15:00", 60, plus(400.0))
        ),
    ),
)
