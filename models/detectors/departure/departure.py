"""A series away from what is usual at this hour of its week, told each time it happens.

A residual to the profile, in units of the scatter of its hour, is held against the tail of residuals. Where it is away,
the series is in a run, which teaches neither profile nor scatter: what was an incident is not normal because it has
been seen. A run ends in one of four ways.

1. The values come back. It is remembered, with its begin, its length and how far it went.
2. It stays at one level for hours: the new level is usual from then on.
3. The profile, turned by an hour, explains it: the clocks have changed.
4. It never was news: a schedule had it due (`schedule`), or runs as large come every few hours (`frequent`).
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.departure import profile, scatter, schedule, standstill
from models.detectors.departure.profile import DAY_NS, HOUR_NS, ProfileRow, Usual
from models.detectors.departure.scatter import ScatterRow
from models.detectors.departure.schedule import ScheduleRow
from models.detectors.departure.standstill import StandstillRow
from models.state.fields import F8, I1, I4, I8, Field, Table
from models.state.metric_rules import MetricRuleRow
from models.state.tables import EntityLinks, SeriesLinks, Tables

FIRST_ROWS = 10.0
"""Rows before anything is away: of three values, the fourth mostly is."""

HOLD = 0.7
"""Share of an alarm's surprise from which a value is away: lower than 1, so that a run does not flap."""

COUNTED = 0.6
"""Share of an alarm's surprise up to which a residual counts in the scatter: cut, not left out, since scatter that
leaves out what is far finds ever more that is."""

EXPLAINED = 0.6
"""The most that a departure with an explanation counts, shares of an alarm: below `HOLD`."""

UNKNOWN_HOUR = 1.5
"""How much wider the scatter is taken in an hour that has not been lived yet."""

SECOND_DAY_HOURS, SECOND_DAY = 12.0, 0.3
"""Hours of the second day in which a unit is this share of what the level of late is away from the day before."""

LEVEL_CLIP = 3.0
"""Units by which one value moves the level at most."""

REST_NS = 15 * 60_000_000_000
REST_ROWS = 3
"""Calm time, and calm rows, after which a run is over."""

LEARNT_NS, SHAPED_LEARNT_NS = 4 * HOUR_NS, 15 * HOUR_NS
"""How long a level has to last to be the new usual: longer than incidents that people want held, and where the day has
a shape, long enough to see that the shape goes on at the new level."""

LEARNT_ROWS, YOUNG_ROWS = 12, 300
"""Rows of it at least; and as many, for a third as long as all that was known before, are enough without the hours."""

MODEL_NS = 12 * HOUR_NS
"""Time at a new level that a model has to have been trained on to know it."""

STEADY, SHAPED_STEADY = 0.12, 0.25
"""Share of a run's mean residual within which its last hour lies where it is a level: a leak goes on growing."""

SHAPED_UNITS = 6.0
"""From the lowest to the highest hour, units, where a day has a shape."""

LEVEL_CAUTION = 0.15
"""Share of a new level's distance that is added to the unit for a day: the shape may differ at the new level."""

FAST_HOURS = 0.75

CLOCK_HOURS = 2.0
CLOCK_UNITS, CLOCK_BETTER = 2.5, 0.4
"""A profile is turned by an hour where its error, over two hours, is so many units, and the other's less than this
share of it."""

CLOCK_RUN_NS = HOUR_NS

CLOCK_DAYS, CLOCK_MOST_H = 10.0, 1
"""Days before a profile is known well enough to be turned, and by how many hours at most: clocks go back and
forward."""

FREQUENT_DAYS, FREQUENT_RUNS = 3.0, 5.0
"""Runs within three days from which runs as large are part of what is usual: bursts several times a day. Six incidents
in a week are not."""

FREQUENT_REACH = 2.0
"""Deviations of the logarithm of how far runs went that are still as large."""


class DepartureRow(Protocol):
    """The run that goes on: rows away, begin, newest row away, calm rows since, whether it reached an alarm, whether
    the day had a shape when it began, mean and
    newest residual, the farthest; until when and how far it is scheduled. How many runs there were lately, and how far
    they went. Errors of the profile turned by -1, 0 and 1 hour. Lowest and highest value seen, and the
    last one. When a new level was learnt that the service's model does not know, 0 never."""

    departure_run: I4
    departure_begin_ns: I8
    departure_away_ns: I8
    departure_rest: I4
    departure_told: I1
    departure_shaped: I1
    departure_mean: F8
    departure_fast: F8
    departure_farthest: F8
    departure_until_ns: I8
    departure_allowed: F8
    departure_runs: F8
    departure_runs_ns: I8
    departure_log_far: F8
    departure_log_spread: F8
    departure_clock_error: Annotated[NDArray[np.float64], Field("f8", (3,))]
    departure_low: F8
    departure_high: F8
    departure_newest: F8
    departure_level_ns: I8


class DepartureSeries(
    DepartureRow, ProfileRow, ScatterRow, ScheduleRow, StandstillRow, SeriesLinks, MetricRuleRow, Protocol
):
    """A series, as its departures are judged, and when it was last seen to drift."""

    residual_drift_ns: int


@compiled
def frame(series: DepartureSeries, tick_ns: int) -> tuple[Usual, float, bool]:
    """What is to be expected without noise, the unit of noise, and whether the hour is known."""
    shift_h = int(series.profile_shift_h)
    usual = profile.usual(series, tick_ns, shift_h)
    near = profile.nearby(series)
    if math.isnan(usual.low):
        unit = UNKNOWN_HOUR * scatter.unit(series, near, tick_ns, shift_h, False)
        return Usual(near, near, near, near), unit, False
    known = profile.is_lived(series, profile.hour_of(tick_ns, shift_h))
    unit = scatter.unit(series, usual.line, tick_ns, shift_h, True)
    if series.scatter_all_hours < SECOND_DAY_HOURS:
        # one day does not tell by how much the next is higher
        unit = max(unit, SECOND_DAY * abs(near - usual.line))
    return usual, (1.0 if known else UNKNOWN_HOUR) * unit, known


@compiled
def _beyond(value: float, usual: Usual) -> float:
    """How far a value lies above what is usual, or below it (negative)."""
    return max(value - usual.high, 0.0) + min(value - usual.low, 0.0)


@compiled
def _share(series: DepartureSeries, residual: float, unit: float, alarm_nats: float) -> float:
    """Surprise of a residual over that of an alarm."""
    units = max(abs(residual) - scatter.step(series), 0.0) / unit
    return float(scatter.surprise(series, units) / alarm_nats)


@compiled
def excess(series: DepartureSeries, value: float, tick_ns: int, alarm_nats: float) -> float:
    """Surprise of a value before it is learnt, over that of an alarm; at most `EXPLAINED` where it is explained."""
    if math.isnan(value) or series.scatter_n < FIRST_ROWS:
        return 0.0
    usual, unit, _ = frame(series, tick_ns)
    residual = _beyond(value, usual)
    share = _share(series, residual, unit, alarm_nats)
    if share >= EXPLAINED and is_explained(series, residual, tick_ns):
        return EXPLAINED
    return max(share, standstill.excess(series, value == series.departure_newest, tick_ns))


@compiled
def is_unknown_to_model(series: DepartureSeries) -> bool:
    """Whether the service's model has learnt from another level than the one that is usual now."""
    return bool(series.departure_level_ns > 0 and series.departure_run == 0)


@compiled
def learnt_by_model(tables: Tables, n_series: int, service: int, trained_to_ns: int) -> None:
    """Take up what a service's model was trained on: levels that were reported as drift are usual now, and those that
    are older than half a day are no news to it."""
    for number in range(n_series):
        series: DepartureSeries = tables.series[number]
        entity: EntityLinks = tables.entities[series.link_entity]
        if entity.link_service != service:
            continue
        if trained_to_ns - series.departure_level_ns > MODEL_NS:
            series.departure_level_ns = 0
        if series.departure_run > 0 and 0 < series.residual_drift_ns <= trained_to_ns:
            profile.move(series, series.departure_fast, series.departure_begin_ns)
            series.departure_run = 0


@compiled
def is_explained(series: DepartureSeries, residual: float, tick_ns: int) -> bool:
    """Whether a schedule has such a departure due, or such are frequent."""
    if abs(residual) <= frequent(series, tick_ns):
        return True
    until_ns, allowed = series.departure_until_ns, series.departure_allowed
    if series.departure_run == 0:
        until_ns, allowed = schedule.due(series, tick_ns, residual > 0.0, tick_ns - series.profile_tick_ns)
    elif (residual > 0.0) != (series.departure_farthest > 0.0):
        return False
    return bool(tick_ns <= until_ns and abs(residual) <= allowed)


@compiled
def frequent(series: DepartureSeries, tick_ns: int) -> float:
    """How far a residual may go because runs as large are frequent; 0 where they are not."""
    if series.departure_runs < FREQUENT_RUNS or _faded(series, tick_ns) < FREQUENT_RUNS:
        return 0.0
    return math.exp(series.departure_log_far + FREQUENT_REACH * series.departure_log_spread)


@compiled
def _faded(series: DepartureSeries, tick_ns: int) -> float:
    days = (tick_ns - series.departure_runs_ns) / DAY_NS
    return float(series.departure_runs * math.exp(-max(days, 0.0) / FREQUENT_DAYS))


@compiled
def band(series: DepartureSeries, tick_ns: int, nats: float) -> tuple[float, float, float]:
    """Expected value, lower and upper bound: outside, a value that nothing explains has at least this surprise."""
    usual, unit, _ = frame(series, tick_ns)
    expected = usual.line
    units = scatter.units_at(series, nats)
    limit = scatter.limit(series)
    if limit < nats:
        # so few rows can't tell anything so improbable: the farther, the fewer they are
        units *= nats / max(limit, 0.1)
    far = max(units * unit + scatter.step(series), frequent(series, tick_ns))
    low, high = usual.low - far, usual.high + far
    if series.departure_run > 0 and tick_ns <= series.departure_until_ns:
        if series.departure_farthest > 0.0:
            high = max(high, expected + series.departure_allowed)
        elif series.departure_farthest < 0.0:
            low = min(low, expected - series.departure_allowed)
    return within_unit(series, expected, low, high)


@compiled
def within_unit(series: DepartureSeries, expected: float, low: float, high: float) -> tuple[float, float, float]:
    """The same, no farther than the unit goes: nothing below 0 where nothing ever was, no more than 100 per cent."""
    least = 0.0 if series.departure_low >= 0.0 else -math.inf
    most = series.rule_most if 0.0 < series.departure_high <= series.rule_most else math.inf
    return min(max(expected, least), most), min(max(low, least), most), max(min(high, most), least)


@compiled
def learn(series: DepartureSeries, value: float, tick_ns: int, alarm_nats: float) -> None:
    """Take a value in; NaN is none.

    Args:
        alarm_nats: surprise of an alarm.
    """
    if math.isnan(value):
        return
    if series.profile_first_ns == 0:
        profile.begin(series, value, tick_ns)
        series.departure_low = series.departure_high = series.departure_newest = value
    usual, unit, known = frame(series, tick_ns)
    residual = _beyond(value, usual)
    share = _share(series, residual, unit, alarm_nats)
    possible = series.scatter_n >= FIRST_ROWS and scatter.limit(series) >= alarm_nats
    away = possible and share >= HOLD
    elapsed_ns = max(tick_ns - series.profile_tick_ns, 0)
    _follow_clock(series, value, tick_ns, unit, elapsed_ns)
    if away and series.departure_run == 0:
        scatter.learn_far(series, scatter.units_at(series, HOLD * alarm_nats))
    _follow_run(series, residual, share if possible else 0.0, tick_ns, unit)
    if profile.hour_of(tick_ns, int(series.profile_shift_h)) != series.profile_hour:
        scatter.learn_hour(series, int(series.profile_hour))
    profile.learn(series, value, min(max(residual, -LEVEL_CLIP * unit), LEVEL_CLIP * unit), tick_ns, away)
    if not away:
        most = scatter.units_at(series, COUNTED * alarm_nats)
        # after a step or on a slope, whichever is nearer
        amount = min(abs(value - usual.hour), abs(value - usual.line))
        scatter.learn(series, amount, unit, known, most)
        if known:
            scatter.learn_recent(series, amount, unit, elapsed_ns / DAY_NS)
        series.departure_low = min(series.departure_low, value)
        series.departure_high = max(series.departure_high, value)
    standstill.learn(series, value == series.departure_newest, tick_ns)
    scatter.learn_move(series, value - series.departure_newest)
    scatter.fade(series, elapsed_ns / DAY_NS)
    series.departure_newest = value


@compiled
def _follow_clock(series: DepartureSeries, value: float, tick_ns: int, unit: float, elapsed_ns: int) -> None:
    """Turn the profile by an hour where that explains what lasts."""
    if profile.age_days(series, tick_ns) < CLOCK_DAYS:
        return
    weight = min(elapsed_ns / (CLOCK_HOURS * HOUR_NS), 1.0)
    errors = series.departure_clock_error
    for k in range(3):
        usual = profile.usual(series, tick_ns, int(series.profile_shift_h) + k - 1)
        if math.isnan(usual.low):
            return
        errors[k] += weight * (abs(value - usual.line) - errors[k])
    if series.departure_run == 0 or tick_ns - series.departure_begin_ns < CLOCK_RUN_NS:
        return
    better = 0 if errors[0] < errors[2] else 2
    turned = int(series.profile_shift_h) + better - 1
    if errors[1] > CLOCK_UNITS * unit and errors[better] < CLOCK_BETTER * errors[1] and abs(turned) <= CLOCK_MOST_H:
        series.profile_shift_h = turned
        errors[1] = errors[better]
        errors[0] = errors[2] = 3.0 * errors[better]
        series.departure_run = 0


@compiled
def _follow_run(series: DepartureSeries, residual: float, share: float, tick_ns: int, unit: float) -> None:
    """Begin, go on with or end the run of values that are away."""
    elapsed_ns = max(tick_ns - series.profile_tick_ns, 0)
    if share < HOLD:
        if series.departure_run > 0:
            series.departure_rest += 1
            if series.departure_rest >= REST_ROWS and tick_ns - series.departure_away_ns >= REST_NS:
                _end_run(series)
        return
    if series.departure_run == 0:
        series.departure_begin_ns, series.departure_told = tick_ns, 0
        series.departure_shaped = 1 if profile.shape_range(series) > SHAPED_UNITS * unit else 0
        series.departure_mean = series.departure_fast = series.departure_farthest = residual
        until_ns, allowed = schedule.due(series, tick_ns, residual > 0.0, elapsed_ns)
        series.departure_until_ns, series.departure_allowed = until_ns, allowed
    series.departure_run += 1
    series.departure_rest, series.departure_away_ns = 0, tick_ns
    if share >= 1.0:
        series.departure_told = 1
    if abs(residual) > abs(series.departure_farthest):
        series.departure_farthest = residual
    series.departure_mean += (residual - series.departure_mean) / series.departure_run
    weight = min(elapsed_ns / (FAST_HOURS * HOUR_NS), 1.0)
    series.departure_fast += weight * (residual - series.departure_fast)
    if _is_new_level(series, tick_ns):
        profile.move(series, series.departure_mean, series.departure_begin_ns)
        series.departure_level_ns = tick_ns
        series.scatter_caution = max(series.scatter_caution, LEVEL_CAUTION * abs(series.departure_mean))
        series.departure_run = 0


@compiled
def _is_new_level(series: DepartureSeries, tick_ns: int) -> bool:
    """Whether the run has lasted long enough at one level to be what is usual."""
    lasted_ns = tick_ns - series.departure_begin_ns
    young = series.departure_run >= YOUNG_ROWS and 3 * lasted_ns >= series.departure_begin_ns - series.profile_first_ns
    if (lasted_ns < LEARNT_NS and not young) or series.departure_run < LEARNT_ROWS:
        return False
    shaped = series.departure_shaped > 0
    if shaped and lasted_ns < SHAPED_LEARNT_NS:
        return False
    change = abs(series.departure_fast - series.departure_mean)
    return bool(change <= (SHAPED_STEADY if shaped else STEADY) * abs(series.departure_mean))


@compiled
def _end_run(series: DepartureSeries) -> None:
    """Remember the run that is over, if it reached an alarm."""
    series.departure_run = 0
    if not series.departure_told:
        return
    schedule.remember(series, series.departure_begin_ns, series.departure_away_ns, series.departure_farthest)
    series.departure_runs = _faded(series, series.departure_away_ns) + 1.0
    series.departure_runs_ns = series.departure_away_ns
    far = math.log(max(abs(series.departure_farthest), 1e-300))
    if series.departure_runs <= 1.5:
        series.departure_log_far, series.departure_log_spread = far, 0.1
        return
    weight = 1.0 / min(series.departure_runs, 8.0)
    series.departure_log_spread += weight * (1.2533 * abs(far - series.departure_log_far) - series.departure_log_spread)
    series.departure_log_far += weight * (far - series.departure_log_far)


ALONE_NATS = 12.0
"""Surprise of an alarm where the detector is run by itself."""


@compiled
def run(
    table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64], surprise_nats: NDArray[np.float64]
) -> None:
    """Score, then learn rows `(n_rows, n_series)` into `surprise_nats` of the same shape; see `catalogue.Channel`."""
    for tick in range(values.shape[0]):
        for column in range(values.shape[1]):
            series: DepartureSeries = table[column]
            value = values[tick, column]
            surprise_nats[tick, column] = ALONE_NATS * excess(series, value, tick_ns[tick], ALONE_NATS)
            learn(series, value, tick_ns[tick], ALONE_NATS)
