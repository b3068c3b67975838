"""When an error budget will be gone if the present burn goes on, with an interval.

The burn of the last blocks of time since it changed (Page's cumulative sum, as for causes) has a mean and a standard
error; blocks that follow one another are alike, so as many count as would be independent (Bayley and Hammersley,
"The 'effective' number of independent observations in an autocorrelated time series", 1946). Budget and events are
carried on at that burn; a rolling period also gets back what leaves it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.slo.budget import Lived
from models.slo.burn import Floats
from models.slo.definition import TimeWindow
from models.slo.exclusions import Units
from models.timestamps import MINUTE_S

BLOCKS: Final = 48
LOOKBACK_SHARE: Final = 1 / 15
"""What is looked back on: two days of thirty, in blocks of an hour. The day's course is in it twice."""

LEAST_BLOCKS: Final = 12
"""Blocks with events since the burn changed that it takes to say anything: half a day of a month."""

NEWEST: Final = 3
"""Blocks that have to burn for the burn to be a present one."""

Z: Final = 1.96
"""Of a two-sided 95 % interval, were the burn to go on as it is; measured, four in five are inside."""

ROLLING_HORIZON_SHARE: Final = 1 / 4
"""A rolling period never ends, and at any burn above 1 its budget is gone some day: a week ahead of thirty days is
what a ticket can still change."""

STEPS: Final = 240
"""Moments of the horizon that are tried; of a week, 45 minutes each."""


@dataclass(frozen=True, slots=True)
class History:
    """Counts of an SLO in equal parts of time, each array `(n_parts,)`.

    Attributes:
        start_s: float64, epoch seconds, ascending; parts without events may be missing.
        good, total: float64.
    """

    start_s: Floats
    good: Floats
    total: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a budget at the present burn.

    Attributes:
        burn_rate: of the present burn; lower and upper bound its interval.
        gone_s: epoch seconds at which the budget is gone; soonest and latest at the interval's ends. None: not before
            `horizon_s`.
        horizon_s: the period's end, or for a rolling period a quarter of it ahead; epoch seconds.
    """

    burn_rate: float
    burn_rate_lower: float
    burn_rate_upper: float
    gone_s: float | None
    soonest_s: float | None
    latest_s: float | None
    horizon_s: float

    @property
    def certain(self) -> bool:
        """Whether even the low end of the interval says that it is gone before the horizon."""
        return self.latest_s is not None


def without(history: History, units: Units, part_s: int) -> History:
    """A history in parts of `part_s` seconds without what was counted in units that are excluded."""
    kept = np.isin(units.start_s // part_s * part_s, history.start_s.astype(np.int64))
    part = np.searchsorted(history.start_s, units.start_s[kept] // part_s * part_s)
    good, total = history.good.copy(), history.total.copy()
    np.subtract.at(good, part, units.good[kept])
    np.subtract.at(total, part, units.total[kept])
    return History(history.start_s, good, np.maximum(total, 0.0))


def in_parts(units: Units, part_s: int) -> History:
    """Minutes (or slices) as parts of `part_s` seconds, a multiple of theirs."""
    starts, inverse = np.unique(units.start_s // part_s * part_s, return_inverse=True)
    good, total = np.zeros(len(starts)), np.zeros(len(starts))
    np.add.at(good, inverse, units.good)
    np.add.at(total, inverse, units.total)
    return History(starts.astype(np.float64), good, total)


def block_s(window: TimeWindow, unit_s: int = MINUTE_S) -> int:
    """Length of a block of the recent past in seconds: whole minutes, or whole slices of `unit_s`."""
    return max(round(window.nominal_s * LOOKBACK_SHARE / BLOCKS / unit_s), 1) * unit_s


def lookback_s(window: TimeWindow, unit_s: int = MINUTE_S) -> int:
    """How far the present burn is looked for in the past, seconds."""
    return block_s(window, unit_s) * BLOCKS


def horizon_s(window: TimeWindow, period_end_s: float) -> float:
    """Until when a forecast looks; `period_end_s` is now for a rolling period."""
    rolling = window.calendar_start is None
    return period_end_s + window.nominal_s * ROLLING_HORIZON_SHARE if rolling else period_end_s


def forecast(
    recent: History,
    period: History,
    *,
    target_ratio: float,
    window: TimeWindow,
    period_end_s: float,
    now_s: float,
    lived: Lived,
    unit_s: int = MINUTE_S,
) -> Forecast | None:
    """What becomes of the budget; None where there is too little to say, or it is gone already.

    Args:
        recent: blocks of `block_s(window, unit_s)` in the `lookback_s` before now, the one in progress left out.
        period: parts of any length that make up the period up to now.
        period_end_s: of a calendar's period; now for a rolling one.
        lived: how much of the period has been counted; the rest brings its allowance, as `budget_remaining` has it.
        unit_s: length of what is counted: the minute, or a slice.
    """
    allowed = 1.0 - target_ratio
    bad, total = float((period.total - period.good).sum()), float(period.total.sum())
    present = _present(recent, allowed)
    if present is None or lived.share <= 0 or bad >= allowed * total / lived.share:
        return None
    usual_per_s = total / lived.lived_s
    events_per_s = present.events / block_s(window, unit_s)
    end_s = horizon_s(window, period_end_s)
    ahead = np.linspace(0.0, end_s - now_s, STEPS + 1)[1:]
    unlived = np.maximum(lived.ahead_s - ahead, 0.0) * usual_per_s
    lost_bad, lost_total = _leaving(period, ahead + now_s - window.nominal_s, window)

    def gone(ratio: float) -> float | None:
        spent = bad - lost_bad + ratio * events_per_s * ahead
        budget = allowed * (total - lost_total + events_per_s * ahead + unlived)
        over = np.flatnonzero(spent >= budget)
        return float(now_s + ahead[over[0]]) if len(over) else None

    low, middle, high = present.lower, present.ratio, present.upper
    return Forecast(middle / allowed, low / allowed, high / allowed, gone(middle), gone(high), gone(low), end_s)


@dataclass(frozen=True, slots=True)
class _Present:
    """The present error ratio with its interval, and the events of a block."""

    ratio: float
    lower: float
    upper: float
    events: float


def _present(recent: History, allowed: float) -> _Present | None:
    total, bad = recent.total, recent.total - recent.good
    counted = total > 0
    total, bad = total[counted], bad[counted]
    if len(total) < LEAST_BLOCKS:
        return None
    excess = np.concatenate(([0.0], np.cumsum(bad - allowed * total)))
    first = min(len(excess) - 1 - int(np.argmin(excess[::-1])), len(total) - LEAST_BLOCKS)
    bad, total = bad[first:], total[first:]
    ratio = float(bad.sum() / total.sum())
    # of a ratio of sums: deviations of the bad events from what their block's total says (Cochran, 1977, chapter 6)
    residual = (bad - ratio * total) / float(total.mean())
    n = len(total)
    error = math.sqrt(float(residual @ residual) / (n - 1) / _effective(residual))
    # binomial noise is there even where the blocks happen to agree
    error = max(error, math.sqrt(max(ratio, 1.0 / float(total.sum())) / float(total.sum())))
    reach = Z * (1.0 + (Z * Z + 1.0) / (4.0 * (n - 1))) * error  # Student's t, to first order
    # an outage is not carried on for weeks: most blocks have to burn, and the newest as well
    newest = float(bad[-NEWEST:].sum() / total[-NEWEST:].sum())
    usual = min(float(np.median(bad / total)), newest)
    return _Present(ratio, max(min(ratio - reach, usual), 0.0), min(ratio + reach, 1.0), float(total.mean()))


def _effective(residual: Floats) -> float:
    """How many independent blocks these are worth, from what neighbours have in common."""
    n = len(residual)
    power = float(residual @ residual)
    common = float(residual[1:] @ residual[:-1]) / power if power > 0 else 0.0
    common = min(max(common, 0.0), 0.9)
    return max(n * (1.0 - common) / (1.0 + common), 1.0)


def _leaving(period: History, before_s: Floats, window: TimeWindow) -> tuple[Floats, Floats]:
    """Bad and all events that have left a rolling period at each of several moments; nothing leaves a calendar's."""
    if window.calendar_start is not None:
        return np.zeros(len(before_s)), np.zeros(len(before_s))
    left = np.searchsorted(period.start_s, before_s, side="left")
    bad = np.concatenate(([0.0], np.cumsum(period.total - period.good)))
    total = np.concatenate(([0.0], np.cumsum(period.total)))
    return bad[left], total[left]
