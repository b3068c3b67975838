"""A series that moves all the time and stands still: an exporter that hangs repeats its last value.

It has to stand still several times as long as it ever has. What moves now and then only is left alone.
"""

from __future__ import annotations

from typing import Protocol

from models.compiled import compiled
from models.state.fields import I4, I8

MOVING = 0.6
"""Share of rows that change from which a series moves all the time."""

ROWS, TIMES_LONGEST = 12, 5
"""Equal rows that are a standstill at least, and how many times as many as ever before."""

LEAST_NS = 20 * 60_000_000_000
"""How long it stands still at least: a second's pause is none, and who is woken wants to be sure."""

KNOWN_ROWS = 500.0
"""Rows of a series before it is known to move all the time."""

ALARM = 1.05
"""Score of a standstill: certain, and no worse an hour later."""


class StandstillRow(Protocol):
    """Rows running with the value of the one before, since when, and the most of them outside of standstills."""

    standstill_rows: I4
    standstill_begin_ns: I8
    standstill_longest: I4


class StandstillSeries(StandstillRow, Protocol):
    """And whether it moves, as `scatter` knows."""

    scatter_n: float
    scatter_moving: float


@compiled
def excess(series: StandstillSeries, is_same: bool, tick_ns: int) -> float:
    """`ALARM` where a value, before it is learnt, goes on with a standstill; otherwise 0."""
    if not is_same or series.scatter_moving < MOVING or series.scatter_n < KNOWN_ROWS:
        return 0.0
    rows = series.standstill_rows + 1
    if rows < max(ROWS, TIMES_LONGEST * series.standstill_longest):
        return 0.0
    return ALARM if tick_ns - series.standstill_begin_ns >= LEAST_NS else 0.0


@compiled
def learn(series: StandstillSeries, is_same: bool, tick_ns: int) -> None:
    """Take in whether a value is that of the row before."""
    if is_same:
        series.standstill_rows += 1
        return
    if series.standstill_rows < max(ROWS, TIMES_LONGEST * series.standstill_longest):
        series.standstill_longest = max(series.standstill_longest, series.standstill_rows)
    series.standstill_rows, series.standstill_begin_ns = 0, tick_ns
