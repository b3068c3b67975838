"""What is usual for a series at an hour of its week: a level, and the shape of the week on top of it.

Each hour that was lived gives one mean. Two shapes are learnt from them: by kind of day (weekday, weekend) and hour,
known after a day, and by hour of the week, believed from its second week on. Between the middle of an hour
and that of the next the shape may step or slope: all between both is usual. The level follows slowly what is left.

An hour that lay in an incident teaches nothing, unless what it says is said again: twice alike in an hour of the
week, or three times running in an hour of the day, is a schedule.

A clock that people live by may change: `profile_shift_h` turns the whole profile by hours.

Source: Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring", LISA 2000, for a level and a
season; means of whole hours that incidents cannot move take the place of exponential smoothing.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.state.fields import F8, I1, I8, Field

HOUR_NS, DAY_NS = 3_600_000_000_000, 86_400_000_000_000

MONDAY_NS = 4 * DAY_NS
"""Event time of the first Monday: the epoch was a Thursday."""

HOURS_OF_DAY, HOURS_OF_WEEK, FIRST_WEEKEND_HOUR = 24, 168, 120

LEVEL_DAYS, TREND_DAYS = 1.0, 4.0
"""Days that the level remembers, and its growth: what grows evenly for weeks is ordinary, a leak of hours is not. Four
to one is as quick as does not swing (Holt, "Forecasting Seasonals and Trends by Exponentially Weighted Moving
Averages", 1957)."""

NEAR_HOURS = 2.0
"""Hours that the level remembers in which no hour of the day is known yet."""

BELIEVED_WEEKS = 2
"""Weeks of an hour of the week before it counts instead of the hour of its kind of day."""

MEMORY_DAYS, MEMORY_WEEKS = 8.0, 6.0
"""Hours of a kind that their mean remembers."""

DAYS_ALIKE, WEEKS_ALIKE = 3, 2
"""How often an hour has to lie in an incident running for the incident to be what is usual in it."""

SLACK = 0.15
"""Share of what two hours differ by that is usual beyond the line between them: mornings are no straight lines."""

CALM_SHARE = 0.1
"""Share of an hour's rows outside of an incident from which these alone are its mean."""

ALIKE = 0.3
"""Two hours of an incident are alike where they differ by less than this share of what they are away from usual."""

KNOWN, MISSES = 15, 16
"""Low four bits of a count are how often an hour was learnt, the others how often running it lay in an incident."""

Shape = Annotated[NDArray[np.float32], Field("f4", (2, HOURS_OF_DAY))]
Week = Annotated[NDArray[np.float32], Field("f4", (HOURS_OF_WEEK,))]


class ProfileRow(Protocol):
    """Where values begin; the level, its growth a day and the nearer level, from there; values outside
    of incidents; the shapes, from the level, and
    how often each hour was learnt; sums and rows of the hour that goes on, outside of incidents and in them."""

    profile_first_ns: I8
    profile_tick_ns: I8
    profile_origin: F8
    profile_level: F8
    profile_trend: F8
    profile_near: F8
    profile_n: F8
    profile_shift_h: I1
    profile_day: Shape
    profile_day_known: Annotated[NDArray[np.uint8], Field("u1", (2, HOURS_OF_DAY))]
    profile_week: Week
    profile_week_known: Annotated[NDArray[np.uint8], Field("u1", (HOURS_OF_WEEK,))]
    profile_hour: I8
    profile_calm_sum: F8
    profile_calm_rows: F8
    profile_away_sum: F8
    profile_away_rows: F8


class Usual(NamedTuple):
    """What is to be expected without noise: between which values, and the two that lie nearest to it, the mean of the
    hour (after a step) and the line to the hour beside it (on a slope)."""

    low: float
    high: float
    hour: float
    line: float


@compiled
def begin(series: ProfileRow, value: float, tick_ns: int) -> None:
    """The first value of a series."""
    series.profile_first_ns = series.profile_tick_ns = tick_ns
    series.profile_origin = value
    series.profile_hour = hour_of(tick_ns, 0)


@compiled
def hour_of(tick_ns: int, shift_h: int) -> int:
    """Number of the hour since the first Monday, on a clock that is so many hours ahead."""
    return int((tick_ns - MONDAY_NS) // HOUR_NS + shift_h)


@compiled
def kind_of_day(hour: int) -> int:
    """0 on weekdays, 1 on Saturday and Sunday."""
    return 1 if hour % HOURS_OF_WEEK >= FIRST_WEEKEND_HOUR else 0


@compiled
def age_days(series: ProfileRow, tick_ns: int) -> float:
    """Days since the first value."""
    return float((tick_ns - series.profile_first_ns) / DAY_NS)


@compiled
def usual(series: ProfileRow, tick_ns: int, shift_h: int) -> Usual:
    """What is to be expected without noise; NaN where no hour like this one has been lived."""
    hour = hour_of(tick_ns, shift_h)
    here = _shape(series, hour)
    if math.isnan(here):
        return Usual(math.nan, math.nan, math.nan, math.nan)
    part = (tick_ns - MONDAY_NS) % HOUR_NS / HOUR_NS - 0.5
    next_hour = hour + 1 if part > 0.0 else hour - 1
    beside = _shape(series, next_hour)
    if math.isnan(beside) or is_lived(series, next_hour) != is_lived(series, hour):
        beside = here
    own = series.profile_origin + series.profile_level + here
    slope, slack = (beside - here) * abs(part), SLACK * abs(beside - here)
    return Usual(own + min(slope, 0.0) - slack, own + max(slope, 0.0) + slack, own, own + slope)


@compiled
def is_lived(series: ProfileRow, hour: int) -> bool:
    """Whether this hour of its kind of day has been lived; otherwise that of the other kind has to do."""
    return bool(series.profile_day_known[kind_of_day(hour), hour % HOURS_OF_DAY] & KNOWN > 0)


@compiled
def nearby(series: ProfileRow) -> float:
    """The level of the last few hours: what is expected of an hour that is not known."""
    return float(series.profile_origin + series.profile_near)


@compiled
def _shape(series: ProfileRow, hour: int) -> float:
    week, day, kind = hour % HOURS_OF_WEEK, hour % HOURS_OF_DAY, kind_of_day(hour)
    if series.profile_week_known[week] & KNOWN >= BELIEVED_WEEKS:
        return float(series.profile_week[week])
    if series.profile_day_known[kind, day] & KNOWN:
        return float(series.profile_day[kind, day])
    if series.profile_day_known[1 - kind, day] & KNOWN:
        return float(series.profile_day[1 - kind, day])
    return math.nan


@compiled
def shape_range(series: ProfileRow) -> float:
    """From the lowest to the highest hour of a day."""
    low, high = math.inf, -math.inf
    for kind in range(2):
        for day in range(HOURS_OF_DAY):
            if series.profile_day_known[kind, day] & KNOWN:
                low = min(low, float(series.profile_day[kind, day]))
                high = max(high, float(series.profile_day[kind, day]))
    return max(high - low, 0.0)


@compiled
def learn(series: ProfileRow, value: float, residual: float, tick_ns: int, away: bool) -> None:
    """Take a value in.

    Args:
        residual: to what was expected, no larger than what may move a level. away: it belongs to an incident.
    """
    hour = hour_of(tick_ns, series.profile_shift_h)
    if hour != series.profile_hour:
        _learn_hour(series)
        series.profile_hour = hour
        series.profile_calm_sum = series.profile_calm_rows = series.profile_away_sum = series.profile_away_rows = 0.0
    elapsed_ns = max(tick_ns - series.profile_tick_ns, 0)
    series.profile_tick_ns = max(series.profile_tick_ns, tick_ns)
    from_origin = value - series.profile_origin
    if away:
        series.profile_away_sum += from_origin
        series.profile_away_rows += 1.0
        return
    series.profile_calm_sum += from_origin
    series.profile_calm_rows += 1.0
    days = min(elapsed_ns / DAY_NS, 0.5)
    series.profile_n += 1.0
    weight = max(min(24.0 * days / NEAR_HOURS, 1.0), 1.0 / series.profile_n)
    series.profile_near += (from_origin - series.profile_near) * weight
    if age_days(series, tick_ns) > 1.0:
        weight = min(days / LEVEL_DAYS, 0.5)
        series.profile_level += residual * weight + series.profile_trend * days
        series.profile_trend += residual * weight / TREND_DAYS


@compiled
def move(series: ProfileRow, change: float, begin_ns: int) -> None:
    """Make a level usual that has lasted since a moment; hours that know nothing but it are shapes of the level
    before."""
    series.profile_level += change
    series.profile_near += change
    first = hour_of(begin_ns, series.profile_shift_h)
    for hour in range(max(first, series.profile_hour - HOURS_OF_DAY), series.profile_hour):
        week, day, kind = hour % HOURS_OF_WEEK, hour % HOURS_OF_DAY, kind_of_day(hour)
        if series.profile_day_known[kind, day] == 1:
            series.profile_day[kind, day] -= change
        if series.profile_week_known[week] == 1:
            series.profile_week[week] -= change


@compiled
def _learn_hour(series: ProfileRow) -> None:
    """Take the mean of the hour that is over into both shapes."""
    rows = series.profile_calm_rows + series.profile_away_rows
    if rows == 0.0:
        return
    away = series.profile_calm_rows < CALM_SHARE * rows
    mean = (
        series.profile_away_sum / series.profile_away_rows
        if away
        else series.profile_calm_sum / series.profile_calm_rows
    ) - series.profile_level
    hour = series.profile_hour
    week, day, kind = hour % HOURS_OF_WEEK, hour % HOURS_OF_DAY, kind_of_day(hour)
    expected = _shape(series, hour)
    known = series.profile_day_known[kind, day]
    series.profile_day[kind, day], series.profile_day_known[kind, day] = _taken(
        float(series.profile_day[kind, day]), int(known), mean, away, (DAYS_ALIKE, MEMORY_DAYS)
    )
    known = series.profile_week_known[week]
    twice = away and known & KNOWN == 1 and abs(mean - series.profile_week[week]) < ALIKE * abs(mean - expected)
    series.profile_week[week], series.profile_week_known[week] = _taken(
        float(series.profile_week[week]), int(known), mean, away and not twice, (WEEKS_ALIKE, MEMORY_WEEKS)
    )


@compiled
def _taken(before: float, known: int, mean: float, away: bool, limits: tuple[int, float]) -> tuple[float, int]:
    """A shape's hour and its count after one more mean.

    Args:
        limits: how often running an incident is what is usual, and hours that are remembered.
    """
    alike, memory = limits
    times, misses = known & KNOWN, known // MISSES
    if times == 0:
        return mean, 1
    if not away:
        times = min(times + 1, KNOWN)
        return before + (mean - before) / min(float(times), memory), times
    if misses + 1 < alike:
        return before, times + MISSES * (misses + 1)
    return mean, BELIEVED_WEEKS
