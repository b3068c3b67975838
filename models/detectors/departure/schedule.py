"""Departures that come by the clock: each hour, each night, each week, at the end of each month.

A series remembers its newest departures. One that begins when a schedule made of them has the next due, goes the same
way and no farther, is the schedule and nothing to tell. How many it takes: three hours running, two nights, two weeks;
a month is told by its day and hour alone, from the first on.
"""

from __future__ import annotations

from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.departure.profile import DAY_NS, HOUR_NS
from models.state.fields import Field

REMEMBERED = 8
"""Departures remembered. A month of one a week, and the month-end before."""

TOLERANCE_NS = 35 * 60_000_000_000
"""How much earlier or later a scheduled job may begin: cron with a random delay, or a queue before it."""

HOURLY_TOLERANCE_NS = 10 * 60_000_000_000

FARTHER, LONGER = 1.5, 1.5
"""How many times as far, or as long, a scheduled departure may be as those before it."""

HOURS_RUNNING, DAYS_RUNNING, WEEKS_RUNNING = 3, 2, 2


class ScheduleRow(Protocol):
    """Begin, seconds and farthest residual (signed) of the newest departures, newest first; 0 where there is none."""

    schedule_begin_ns: Annotated[NDArray[np.int64], Field("i8", (REMEMBERED,))]
    schedule_length_s: Annotated[NDArray[np.float32], Field("f4", (REMEMBERED,))]
    schedule_farthest: Annotated[NDArray[np.float32], Field("f4", (REMEMBERED,))]


@compiled
def remember(series: ScheduleRow, begin_ns: int, end_ns: int, farthest: float) -> None:
    """Take in a departure that is over."""
    for k in range(REMEMBERED - 1, 0, -1):
        series.schedule_begin_ns[k] = series.schedule_begin_ns[k - 1]
        series.schedule_length_s[k] = series.schedule_length_s[k - 1]
        series.schedule_farthest[k] = series.schedule_farthest[k - 1]
    series.schedule_begin_ns[0] = begin_ns
    series.schedule_length_s[0] = (end_ns - begin_ns) * 1e-9
    series.schedule_farthest[0] = farthest


@compiled
def due(series: ScheduleRow, tick_ns: int, up: bool, step_ns: int) -> tuple[int, float]:
    """Until when, and how far, a departure that begins now is scheduled; (0, 0.0) where it is not.

    Args:
        step_ns: the sampling interval, by which a begin is known at best.
    """
    for period_ns, running, tolerance_ns in (
        (DAY_NS, DAYS_RUNNING, TOLERANCE_NS),
        (7 * DAY_NS, WEEKS_RUNNING, TOLERANCE_NS),
        (HOUR_NS, HOURS_RUNNING, HOURLY_TOLERANCE_NS),
    ):
        found, length_s, farthest = 0, 0.0, 0.0
        for times in range(1, running + 1):
            k = _near(series, tick_ns - times * period_ns, max(tolerance_ns, 2 * step_ns), up)
            if k < 0:
                # one of a chain may be missing, but the newest must not
                if times == 1 or found == 0:
                    break
                k = _near(series, tick_ns - (times + 1) * period_ns, max(tolerance_ns, 2 * step_ns), up)
                if k < 0:
                    break
            found += 1
            length_s = max(length_s, series.schedule_length_s[k])
            farthest = max(farthest, abs(series.schedule_farthest[k]))
        if found >= running:
            return _until(tick_ns, length_s, tolerance_ns), FARTHER * farthest
    for days in range(28, 32):
        k = _near(series, tick_ns - days * DAY_NS, TOLERANCE_NS, up)
        if k >= 0 and _same_day_of_month(tick_ns, int(series.schedule_begin_ns[k])):
            farthest = abs(series.schedule_farthest[k])
            return _until(tick_ns, float(series.schedule_length_s[k]), TOLERANCE_NS), FARTHER * farthest
    return 0, 0.0


@compiled
def _until(tick_ns: int, length_s: float, tolerance_ns: int) -> int:
    return int(tick_ns + LONGER * length_s * 1e9 + tolerance_ns)


@compiled
def _near(series: ScheduleRow, moment_ns: int, tolerance_ns: int, up: bool) -> int:
    """The remembered departure that began about a moment and went the same way; -1 none."""
    for k in range(REMEMBERED):
        if (
            series.schedule_begin_ns[k] != 0
            and abs(series.schedule_begin_ns[k] - moment_ns) <= tolerance_ns
            and (series.schedule_farthest[k] > 0.0) == up
        ):
            return k
    return -1


@compiled
def _same_day_of_month(one_ns: int, other_ns: int) -> bool:
    """Whether both lie on the same day of their months, counted from the begin or from the end."""
    one, other = day_of_month(one_ns // DAY_NS), day_of_month(other_ns // DAY_NS)
    if one == other:
        return True
    # counted from the end: the day after the last one is a first
    one_left, other_left = _days_left(one_ns // DAY_NS), _days_left(other_ns // DAY_NS)
    return one_left == other_left and one_left < 3


@compiled
def _days_left(day: int) -> int:
    """Days of the month that come after this one, up to 3."""
    for k in range(1, 4):
        if day_of_month(day + k) == 1:
            return k - 1
    return 3


@compiled
def day_of_month(day: int) -> int:
    """Day of the month, 1 to 31, of a day counted from the epoch (Hinnant, "chrono-compatible low-level date
    algorithms", 2013).

    >>> day_of_month(0), day_of_month(58), day_of_month(59)
    (1, 28, 1)
    """
    z = day + 719_468
    of_era = z - z // 146_097 * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    return int(of_year - (153 * month + 2) // 5 + 1)
