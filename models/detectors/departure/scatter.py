"""How far a series is from what is usual, as a rule: its scatter at this hour, and the tail of it.

The unit is the mean amount of residuals at the hour of this kind of day, as far as enough of them are known, and of
all hours otherwise. Values of incidents are no part of it, so an incident however large leaves it as it was.
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors.departure.profile import HOURS_OF_DAY, hour_of, kind_of_day
from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_surprise, tail_value
from models.state.fields import F8, Field

P_CUT = 0.1
"""Share of residuals beyond the cut of their tail."""

WARM_ROWS = 30.0
"""Residuals before the tail is learnt: their unit is known well enough."""

NEAR_HOURS, OTHER_HOURS = 1.0, 1.0
"""Hours that the scatter around a level alone counts for, and that of other hours."""

FIRST_HOURS = 12.0
"""Hours before there is a scatter that an hour could be compared with."""

GROWTH = 2.0
"""How many times its scatter an hour may show at most: a shift that is no alarm yet would make itself one of many."""

MEMORY_ROWS, MEMORY_HOURS, HOUR_MEMORY = 4_000.0, 336.0, 8.0

RECENT_DAYS, MOST_RECENT = 0.5, 2.0
"""Days after which scatter that has grown at all hours alike is believed, and how many times it may have grown."""

STEADY_SHARE = 0.003
"""Share of its level that is one unit of a series which hardly ever moves: 500 MB that become 501 are no news."""

FINEST_SHARE = 1e-9
"""Share of the level below which differences are rounding."""

CAUTION_DAYS = 1.0
"""Days after which what a new level adds to the unit has faded to a third."""

STILL, MOVING = 2.0, 4.0
"""Nats that the logarithm of a series' rows allows: n rows tell of no chance smaller than this power of one in n; fewer
where they never moved."""

SPIKY, SPIKES = 0.3, 1.0
"""Share of rows that change below which (at half of it wholly) what is known of changes is known from as many as there
were, and the power of them. Three in a hundred rows that are not zero tell little of the largest."""

GRANULAR = 0.02
"""Share of rows that change from which a series moves in steps: it may make one more of them than it ever did."""

MOVES = 20.0
"""Changes of value from which a series is one that moves."""


class ScatterRow(Protocol):
    """Residuals learnt; the mean amount of those to a level alone, in hours that were not known; of all others, with
    their number; and by kind of day and hour, with the rows of each; the tail in units; what a new level adds to the
    unit; changes from row to row, their share in the newest rows, and the
    smallest."""

    scatter_n: F8
    scatter_near: F8
    scatter_all: F8
    scatter_all_hours: F8
    scatter_recent: F8
    scatter_hour_sum: F8
    scatter_hour_n: F8
    scatter_hour: Annotated[NDArray[np.float32], Field("f4", (2, HOURS_OF_DAY))]
    scatter_hours: Annotated[NDArray[np.uint8], Field("u1", (2, HOURS_OF_DAY))]
    scatter_cut: F8
    scatter_mean_excess: F8
    scatter_mean_square: F8
    scatter_exceedances: F8
    scatter_caution: F8
    scatter_moves: F8
    scatter_moving: F8
    scatter_step: F8


@compiled
def unit(series: ScatterRow, expected: float, tick_ns: int, shift_h: int, known: bool) -> float:
    """What a residual is divided by, never 0, wider while few rows are known.

    Args:
        known: whether the hour has been lived before, so that residuals are to its shape.
    """
    hour = hour_of(tick_ns, shift_h)
    kind, day = kind_of_day(hour), hour % HOURS_OF_DAY
    mean = _of_hour(series, kind, day) if known else series.scatter_near
    mean *= min(max(series.scatter_recent, 1.0), MOST_RECENT)
    steady = max(1.0 - 2.0 * series.scatter_moving, 0.0)
    floor = (STEADY_SHARE * steady + FINEST_SHARE) * abs(expected)
    # 1.2533: standard deviation over mean absolute deviation of a normal distribution
    wide = 1.2533 * mean * (1.0 + 8.0 / (series.scatter_n + 2.0)) + series.scatter_caution
    return float(max(wide, floor, 1e-300))


@compiled
def surprise(series: ScatterRow, units: float) -> float:
    """Nats of a residual of so many units."""
    return float(min(tail_surprise(min(units, 1e9), _tail(series), P_CUT), limit(series)))


@compiled
def limit(series: ScatterRow) -> float:
    """The most nats that so few rows can tell."""
    rows = math.log(series.scatter_n + 1.0)
    share, spiky = min(series.scatter_moves / MOVES, 1.0), min(max(2.0 - 2.0 * series.scatter_moving / SPIKY, 0.0), 1.0)
    spikes = -math.log(max(series.scatter_moving, 1e-9)) + SPIKES * math.log(0.5 * series.scatter_moves + 1.0)
    return float((1.0 - share) * STILL * rows + share * ((1.0 - spiky) * MOVING * rows + spiky * spikes))


@compiled
def units_at(series: ScatterRow, nats: float) -> float:
    """Units with this surprise."""
    return float(tail_value(nats, _tail(series), P_CUT))


@compiled
def learn(series: ScatterRow, residual: float, size: float, known: bool, most_units: float) -> None:
    """Take in a residual outside of incidents.

    Args:
        size: its unit. known: as above. most_units: units as which it counts at most.
    """
    amount = abs(residual)
    if series.scatter_n == 0.0:
        _begin_tail(series)
    elif known or series.scatter_all_hours == 0.0:
        amount = min(amount, most_units * size) if series.scatter_n >= WARM_ROWS else amount
        tail = learn_tail(amount / size, _tail(series), P_CUT, series.scatter_n, 1.0)
        series.scatter_cut, series.scatter_mean_excess = tail.cut, tail.mean_excess
        series.scatter_mean_square, series.scatter_exceedances = tail.mean_square, tail.exceedances
    series.scatter_n += 1.0
    if not known:
        if series.scatter_all_hours > 0.0:
            return
        series.scatter_near += (amount - series.scatter_near) / min(series.scatter_n, MEMORY_ROWS)
        return
    if series.scatter_all_hours == 0.0 and series.scatter_hour_n == 0.0:
        # residuals to a level alone say nothing of those to a shape
        _begin_tail(series)
    series.scatter_hour_sum += amount
    series.scatter_hour_n += 1.0


@compiled
def learn_far(series: ScatterRow, units: float) -> None:
    """Take a run of values that are away into the tail, once: a tail that leaves out what is far finds ever more so."""
    if series.scatter_n >= WARM_ROWS:
        tail = learn_tail(units, _tail(series), P_CUT, series.scatter_n, 1.0)
        series.scatter_cut, series.scatter_mean_excess = tail.cut, tail.mean_excess
        series.scatter_mean_square, series.scatter_exceedances = tail.mean_square, tail.exceedances


@compiled
def learn_recent(series: ScatterRow, residual: float, size: float, days: float) -> None:
    """Take a residual into how much the scatter has grown of late, at all hours alike.

    Args:
        days: since the row before.
    """
    if series.scatter_n >= WARM_ROWS and series.scatter_all_hours > 0.0:
        ratio = 1.2533 * abs(residual) / (size / min(max(series.scatter_recent, 1.0), MOST_RECENT))
        weight = min(days / RECENT_DAYS, 0.1)
        series.scatter_recent += weight * (min(ratio, 2.0 * MOST_RECENT) - series.scatter_recent)


@compiled
def _begin_tail(series: ScatterRow) -> None:
    """What the tail of a series is taken for that has shown none."""
    series.scatter_cut, series.scatter_mean_excess, series.scatter_mean_square = 2.0, 0.5, 0.5
    series.scatter_exceedances = 0.0
    series.scatter_recent = 1.0


@compiled
def learn_hour(series: ScatterRow, hour: int) -> None:
    """Take in the residuals of an hour that is over; none makes its mean more than `GROWTH` times what it was."""
    if series.scatter_hour_n == 0.0:
        return
    amount = series.scatter_hour_sum / series.scatter_hour_n
    series.scatter_hour_sum = series.scatter_hour_n = 0.0
    kind, day = kind_of_day(hour), hour % HOURS_OF_DAY
    times = float(series.scatter_hours[kind, day])
    before = _of_hour(series, kind, day)
    if series.scatter_all_hours >= FIRST_HOURS:
        amount = min(amount, GROWTH * before)
    series.scatter_hour[kind, day] += (amount - series.scatter_hour[kind, day]) / (times + 1.0)
    series.scatter_hours[kind, day] = int(min(times + 1.0, HOUR_MEMORY))
    series.scatter_all_hours = min(series.scatter_all_hours + 1.0, MEMORY_HOURS)
    series.scatter_all += (amount - series.scatter_all) / series.scatter_all_hours


@compiled
def _of_hour(series: ScatterRow, kind: int, day: int) -> float:
    """Mean amount of residuals at an hour of a kind of day, as far as it is known, and of others otherwise."""
    hours = series.scatter_all_hours
    mean = (hours * series.scatter_all + NEAR_HOURS * series.scatter_near) / (hours + NEAR_HOURS)
    for which in (1 - kind, kind):
        times = float(series.scatter_hours[which, day])
        mean = (times * series.scatter_hour[which, day] + OTHER_HOURS * mean) / (times + OTHER_HOURS)
    return float(mean)


@compiled
def learn_move(series: ScatterRow, change: float) -> None:
    """Note by how much the value changed from the row before."""
    moved = change != 0.0
    if moved and (series.scatter_moves == 0.0 or abs(change) < series.scatter_step):
        series.scatter_step = abs(change)
    series.scatter_moves += 1.0 if moved else 0.0
    series.scatter_moving += ((1.0 if moved else 0.0) - series.scatter_moving) / min(series.scatter_n + 1.0, 500.0)


@compiled
def step(series: ScatterRow) -> float:
    """The step of a series that moves in steps now and then; 0 of others."""
    return float(series.scatter_step) if series.scatter_moving >= GRANULAR else 0.0


@compiled
def fade(series: ScatterRow, days: float) -> None:
    """Let what a new level added to the unit fade."""
    if series.scatter_caution > 0.0:
        series.scatter_caution *= math.exp(-days / CAUTION_DAYS)


@compiled
def _tail(series: ScatterRow) -> ParetoTail:
    return ParetoTail(
        series.scatter_cut, series.scatter_mean_excess, series.scatter_mean_square, series.scatter_exceedances
    )
