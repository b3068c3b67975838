"""When the period of an error budget began and ends, for rolling and calendar windows."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from models.slo.definition import TimeWindow, WindowUnit

_MONTHS: Final = {WindowUnit.MONTH: 1, WindowUnit.QUARTER: 3, WindowUnit.YEAR: 12}
_DAYS: Final = {WindowUnit.DAY: 1, WindowUnit.WEEK: 7}


def period_bounds(window: TimeWindow, now_s: float) -> tuple[float, float]:
    """Start and end of the period that `now_s` lies in, epoch seconds; a rolling period ends now.

    A calendar's days, weeks and months begin at the same local time, so one that holds a daylight-saving change is an
    hour shorter or longer. A month that begins on the 31st begins on the last day of shorter months.
    """
    if window.calendar_start is None:
        return now_s - window.nominal_s, now_s
    index = _first_guess(window, now_s)
    while _begins(window, index) > now_s:
        index -= 1
    while _begins(window, index + 1) <= now_s:
        index += 1
    return _begins(window, index), _begins(window, index + 1)


def _anchor(window: TimeWindow) -> datetime:
    return datetime.fromisoformat(str(window.calendar_start))


def _first_guess(window: TimeWindow, now_s: float) -> int:
    """Index of a period near `now_s`, right to within one or two."""
    local = datetime.fromtimestamp(now_s, ZoneInfo(window.time_zone)).replace(tzinfo=None)
    anchor = _anchor(window)
    if window.unit in _MONTHS:
        months = (local.year - anchor.year) * 12 + local.month - anchor.month
        return months // (_MONTHS[window.unit] * window.amount)
    return int((local - anchor).total_seconds() // window.nominal_s)


def _begins(window: TimeWindow, index: int) -> float:
    """Epoch seconds at which the calendar's period number `index` begins; number 0 begins at the calendar's start."""
    anchor, zone, steps = _anchor(window), ZoneInfo(window.time_zone), index * window.amount
    if window.unit in _MONTHS:
        return _later_by_months(anchor, steps * _MONTHS[window.unit]).replace(tzinfo=zone).timestamp()
    if window.unit in _DAYS:
        return (anchor + timedelta(days=steps * _DAYS[window.unit])).replace(tzinfo=zone).timestamp()
    absolute = anchor.replace(tzinfo=zone).astimezone(UTC)  # hours and minutes pass alike whatever the clocks do
    return absolute.timestamp() + index * window.nominal_s


def _later_by_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
