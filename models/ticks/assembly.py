"""Where a sample belongs: repeat, late or accepted; which SLO minute, which open tick; and which ticks that closes.

One compiled loop, sample by sample in arrival order, so that a split of the input changes nothing. A tick closes when

1. every series that the entity regularly reports is in it (it and all older ones of the entity close);
2. the entity's next tick begins, while it is not yet known what the entity regularly reports;
3. more than `OPEN` ticks of the entity are open (the oldest closes);
4. the partition's newest event time has advanced by the allowed lateness since the tick was opened. Counted from the
   opening and not from the tick's own time, so that a backfilled entity beside a live one gets whole rows too.

An entity that has nothing for the lateness and ten of its intervals, by the same clock, gets one row without cells: it
has fallen silent. The row's tick is the time at which that was noticed; for an entity that was telling its past (its
last words were older than the lateness when they came) it is the entity's own newest time: nothing is missing after it.

A sample for a closed tick within the lateness still counts for the SLOs; the row it is missing from stays as it was
scored.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.sli.counts import Bindings, Found, SliRow, SloContributions, count, room, written
from models.state.fields import F8, I1, I4, I8, Field, Floats, Ints, Table
from models.state.metric_rules import MetricRuleRow
from models.state.rows import Rows, Samples
from models.state.tables import LONG_AGO, EntityLinks, SeriesLinks, State, Tables
from models.timestamps import SECOND_NS

RING = 16
"""Event times remembered per series, to tell a repeat from a late sample."""

OPEN = 16
"""Open ticks per entity. At one-second ticks one metric may lag 15 s behind another and still share its row."""

GAPS = 16
"""Distances between event times that the sampling interval is learned from (their median)."""

ACCEPTED, DUPLICATE, LATE = 0, 1, 2

SETTLED_ROWS = 3
"""Rows of an entity before a tick may close for being complete: until then a series may simply not have spoken yet."""

SILENT_INTERVALS, SILENT_NS = 10, 300_000_000_000
"""Intervals that an entity may miss, beyond the lateness, before it is silent, but no longer than this, and never fewer
than the next: a restart of its producer takes as long."""

FEWEST_INTERVALS, RARE_NS, RARE_INTERVALS = 2.5, 6 * 3_600_000_000_000, 1.4
"""A job that runs each hour is missed after two and a half, a nightly one by the next morning."""

UNKNOWN_NS = 25 * 3_600_000_000_000
"""What is waited for where the entity has spoken once: it may be a nightly job."""

PRESENCE_RATE = 0.1
AWAITED_PRESENCE = 0.8
AWAITED_ABSENT = 2
"""A series is waited for while it was in most of the last ten rows and not missing twice running."""

RETIRED_ROWS = 2000
"""Rows without a series before it is no longer part of its entity's rows. More than `rebaseline_rows`, so its silence
is first reported, then accepted, then forgotten."""

CELLS_AT_ONCE = 2_000_000
"""Bounds the memory of one pass (24 bytes a cell): larger batches go through in pieces."""


class SeriesTicks(Protocol):
    """What tick assembly remembers of a series.

    Attributes:
        tick_n_times, tick_times_ns: newest event times, in order, and how many.
        tick_counter_value: newest sample of a counter.
        tick_slot_value: values that wait in open ticks, by slot, NaN none.
        tick_has_reported: 1 once it had a value. tick_is_awaited: 1 where its entity's ticks wait for it.
        tick_absent_rows: rows without it, running. tick_presence_ratio: share of the newest rows with it.
    """

    tick_n_times: I4
    tick_times_ns: Annotated[Ints, Field("i8", (RING,))]
    tick_counter_value: Annotated[float, Field("f8", start=math.nan)]
    tick_slot_value: Annotated[Floats, Field("f8", (OPEN,), start=math.nan)]
    tick_has_reported: I1
    tick_is_awaited: I1
    tick_absent_rows: I4
    tick_presence_ratio: F8


class EntityTicks(Protocol):
    """What tick assembly remembers of an entity; open ticks are ordered, the oldest first.

    Attributes:
        tick_interval_ns: sampling interval, 0 unknown. tick_phase_ns: its first event time.
        tick_n_gaps, tick_gaps_ns: distances of event times that the interval is learnt from.
        tick_newest_ns: newest event time. tick_heard_ns: the partition's newest event time when it last spoke.
        tick_is_silent: 1 once its silence has been noticed.
        tick_n_open, tick_open_*: of open ticks: the time that they are for (key), the newest event time in them, when
            they close at the latest, awaited series that have reported, and which slot of the series is theirs.
        tick_n_awaited: series that ticks wait for. tick_closed_key_ns: of the newest closed tick. tick_n_rows: closed.
    """

    tick_interval_ns: I8
    tick_phase_ns: I8
    tick_n_gaps: I4
    tick_gaps_ns: Annotated[Ints, Field("i8", (GAPS,))]
    tick_newest_ns: Annotated[int, Field("i8", start=LONG_AGO)]
    tick_heard_ns: I8
    tick_is_silent: I1
    tick_n_open: I4
    tick_open_key_ns: Annotated[Ints, Field("i8", (OPEN,))]
    tick_open_newest_ns: Annotated[Ints, Field("i8", (OPEN,))]
    tick_open_deadline_ns: Annotated[Ints, Field("i8", (OPEN,))]
    tick_open_reported: Annotated[NDArray[np.int32], Field("i4", (OPEN,))]
    tick_open_slot: Annotated[NDArray[np.int32], Field("i4", (OPEN,), start=tuple(range(OPEN)))]
    tick_n_awaited: I4
    tick_closed_key_ns: Annotated[int, Field("i8", start=LONG_AGO)]
    tick_n_rows: I8


class TickSeries(SeriesTicks, MetricRuleRow, SeriesLinks, SliRow, Protocol):
    """And whose it is, whether it is a counter, and its SLO bindings."""


class TickEntity(EntityTicks, EntityLinks, Protocol):
    """And which series it has."""


class AssembledTicks(NamedTuple):
    """Result of placing a batch: how many samples had each fate, what they add to SLOs, which rows closed."""

    fates: NDArray[np.int64]
    counts: SloContributions
    rows: Rows


class _Pass(NamedTuple):
    """One pass over samples: its clock and the room for its results.

    Attributes:
        time_ns: int64 `(2,)`, newest event time of the partition and the earliest deadline of an open tick.
        used: int64 `(2,)`, rows and cells written so far. fates: int64 `(3,)`.
    """

    time_ns: NDArray[np.int64]
    lateness_ns: int
    rows: Rows
    found: Found
    used: NDArray[np.int64]
    fates: NDArray[np.int64]


def assemble(state: State, bindings: Bindings, samples: Samples, lateness_ns: int) -> list[AssembledTicks]:
    """Place a batch, in pieces that bound the memory it takes; their results are in order."""
    width = state.entities["link_n_series"][state.series["link_entity"][samples.series]].astype(np.int64)
    piece = np.cumsum(width) // CELLS_AT_ONCE
    ends = [*(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
    placed, start = [], 0
    for end in ends:
        part = Samples(samples.series[start:end], samples.time_ns[start:end], samples.value[start:end])
        placed.append(_assemble_piece(state, bindings, part, lateness_ns, int(width[start:end].sum())))
        start = end
    return placed


def close_all(state: State) -> Rows:
    """Close every open tick."""
    done = _room(state, 0, 0, 0, lateness_ns=0)
    for entity in range(len(state.entity_names)):
        _close_until(state.tables, entity, OPEN, done)
    state.next_deadline_ns = -LONG_AGO
    return _used(done).rows


def _assemble_piece(state: State, bindings: Bindings, part: Samples, lateness_ns: int, width: int) -> AssembledTicks:
    n_counts = int(state.series["sli_n_bindings"][part.series].sum())
    done = _room(state, len(part.value), width, n_counts, lateness_ns=lateness_ns)
    _assemble(state.tables, bindings, part, done)
    state.newest_ns, state.next_deadline_ns = done.time_ns.tolist()
    return _used(done)


def _room(state: State, n_samples: int, width: int, n_counts: int, *, lateness_ns: int) -> _Pass:
    """Arrays for the most that can close: every tick that is open and one more a sample, and as many silences."""
    known = state.entities[: len(state.entity_names)]
    n_rows = int(known["tick_n_open"].sum()) + len(known) + 2 * n_samples
    n_cells = int((known["tick_n_open"].astype(np.int64) * known["link_n_series"]).sum()) + width
    return _Pass(
        np.array([state.newest_ns, state.next_deadline_ns], np.int64),
        lateness_ns,
        Rows(
            np.empty(n_rows, np.int32),
            np.empty(n_rows, np.int64),
            np.empty(n_rows, np.int64),
            np.zeros(n_rows + 1, np.int64),
            np.empty(n_cells, np.int32),
            np.empty(n_cells, np.float64),
        ),
        room(n_counts),
        np.zeros(2, np.int64),
        np.zeros(3, np.int64),
    )


def _used(done: _Pass) -> AssembledTicks:
    n_rows, n_cells = done.used.tolist()
    rows = done.rows
    return AssembledTicks(
        done.fates,
        written(done.found),
        Rows(
            rows.entity[:n_rows],
            rows.tick_ns[:n_rows],
            rows.interval_ns[:n_rows],
            rows.start[: n_rows + 1],
            rows.series[:n_cells],
            rows.value[:n_cells],
        ),
    )


@compiled
def _assemble(tables: Tables, bindings: Bindings, samples: Samples, done: _Pass) -> None:
    for i in range(samples.value.shape[0]):
        number = samples.series[i]
        series: TickSeries = tables.series[number]
        entity: TickEntity = tables.entities[series.link_entity]
        t = samples.time_ns[i]
        fate = _remember(series, entity, t, done.lateness_ns)
        done.fates[fate] += 1
        if fate != ACCEPTED:
            continue
        increase, rate = _increase(series, t, samples.value[i])
        if series.sli_n_bindings > 0:
            count(series, bindings, t, (samples.value[i], increase), done.found)
        _learn_interval(series, entity, t)
        entity.tick_newest_ns = max(entity.tick_newest_ns, t)
        done.time_ns[0] = max(done.time_ns[0], t)
        entity.tick_heard_ns, entity.tick_is_silent = done.time_ns[0], 0
        done.time_ns[1] = min(done.time_ns[1], _silent_at(entity, done.lateness_ns))
        value = rate if series.rule_is_counter else samples.value[i]
        if not np.isnan(value):
            _put(tables, number, t, value, done)
        if done.time_ns[0] >= done.time_ns[1]:
            _close_overdue(tables, done)


@compiled
def _remember(series: TickSeries, entity: TickEntity, t: int, lateness_ns: int) -> int:
    """Fate of a sample; an accepted one's time is kept among the series' newest, in order."""
    n = series.tick_n_times
    times = series.tick_times_ns
    assemble = n
    while assemble > 0 and times[assemble - 1] >= t:
        if times[assemble - 1] == t:
            return DUPLICATE
        assemble -= 1
    if t < entity.tick_newest_ns - lateness_ns or (n == RING and assemble == 0):
        return LATE
    if n == RING:
        assemble -= 1
        for k in range(assemble):
            times[k] = times[k + 1]
    else:
        for k in range(n, assemble, -1):
            times[k] = times[k - 1]
        series.tick_n_times = n + 1
    times[assemble] = t
    return ACCEPTED


@compiled
def _increase(series: TickSeries, t: int, value: float) -> tuple[float, float]:
    """Increase since the series' previous sample, and per second; a smaller value is a counter that started again at 0.

    NaN for the first sample and for one that came out of order: its part is already in the increase across it.
    """
    n = series.tick_n_times
    if series.tick_times_ns[n - 1] != t:
        return np.nan, np.nan
    previous = series.tick_counter_value
    series.tick_counter_value = value
    if n < 2 or np.isnan(previous):
        return np.nan, np.nan
    increase = value - previous if value >= previous else value
    return increase, increase * SECOND_NS / (t - series.tick_times_ns[n - 2])


@compiled
def _learn_interval(series: TickSeries, entity: TickEntity, t: int) -> None:
    """The median of the first distances between samples of one series, rounded to two digits where that is within 1
    %."""
    if entity.tick_newest_ns == LONG_AGO:
        entity.tick_phase_ns = t
    n = series.tick_n_times
    if entity.tick_interval_ns > 0 or n < 2 or series.tick_times_ns[n - 1] != t:
        return
    entity.tick_gaps_ns[entity.tick_n_gaps] = t - series.tick_times_ns[n - 2]
    entity.tick_n_gaps += 1
    if entity.tick_n_gaps < GAPS:
        return
    interval = _median(entity)
    unit = 1
    while unit * 100 <= interval:
        unit *= 10
    rounded = (interval + unit // 2) // unit * unit
    entity.tick_interval_ns = rounded if abs(rounded - interval) * 100 <= interval else interval


@compiled
def _median(entity: TickEntity) -> int:
    """Upper median of the distances, by counting: compiling a sort takes seconds."""
    for k in range(GAPS):
        below, same = 0, 0
        for j in range(GAPS):
            below += entity.tick_gaps_ns[j] < entity.tick_gaps_ns[k]
            same += entity.tick_gaps_ns[j] == entity.tick_gaps_ns[k]
        if below <= GAPS // 2 < below + same:
            return int(entity.tick_gaps_ns[k])
    return 0


@compiled
def _put(tables: Tables, number: int, t: int, value: float, done: _Pass) -> None:
    """Put a feature value into its tick, opened if need be, and close what that completes."""
    series: TickSeries = tables.series[number]
    entity: TickEntity = tables.entities[series.link_entity]
    if series.tick_has_reported == 0:
        series.tick_has_reported, series.tick_is_awaited, series.tick_presence_ratio = 1, 1, 1.0
        entity.tick_n_awaited += 1
    key = t
    if entity.tick_interval_ns > 0:
        half = entity.tick_interval_ns // 2
        key = (
            entity.tick_phase_ns
            + (t - entity.tick_phase_ns + half) // entity.tick_interval_ns * entity.tick_interval_ns
        )
    if key <= entity.tick_closed_key_ns:
        return
    where = entity.tick_n_open
    while where > 0 and entity.tick_open_key_ns[where - 1] > key:
        where -= 1
    if where > 0 and entity.tick_open_key_ns[where - 1] == key:
        where -= 1
    else:
        if entity.tick_n_open == OPEN:
            if where == 0:
                return
            _close_until(tables, series.link_entity, 1, done)
            where -= 1
        _open(entity, where, key, done)
        settled = entity.tick_n_rows >= SETTLED_ROWS and entity.tick_n_awaited > 0
        if not settled and where == entity.tick_n_open - 1 and where > 0:
            _close_until(tables, series.link_entity, where, done)
            where = 0
    slot = entity.tick_open_slot[where]
    if np.isnan(series.tick_slot_value[slot]):
        entity.tick_open_reported[where] += series.tick_is_awaited
    elif series.tick_times_ns[series.tick_n_times - 1] != t:
        return
    series.tick_slot_value[slot] = value
    entity.tick_open_newest_ns[where] = max(entity.tick_open_newest_ns[where], t)
    if entity.tick_n_rows >= SETTLED_ROWS and 0 < entity.tick_n_awaited <= entity.tick_open_reported[where]:
        _close_until(tables, series.link_entity, where + 1, done)


@compiled
def _open(entity: TickEntity, where: int, key: int, done: _Pass) -> None:
    n = entity.tick_n_open
    free = entity.tick_open_slot[n]
    for k in range(n, where, -1):
        entity.tick_open_key_ns[k], entity.tick_open_newest_ns[k] = (
            entity.tick_open_key_ns[k - 1],
            entity.tick_open_newest_ns[k - 1],
        )
        entity.tick_open_deadline_ns[k], entity.tick_open_reported[k] = (
            entity.tick_open_deadline_ns[k - 1],
            entity.tick_open_reported[k - 1],
        )
        entity.tick_open_slot[k] = entity.tick_open_slot[k - 1]
    entity.tick_open_slot[where] = free
    entity.tick_open_key_ns[where], entity.tick_open_newest_ns[where], entity.tick_open_reported[where] = (
        key,
        LONG_AGO,
        0,
    )
    entity.tick_open_deadline_ns[where] = done.time_ns[0] + done.lateness_ns
    done.time_ns[1] = min(done.time_ns[1], entity.tick_open_deadline_ns[where])
    entity.tick_n_open = n + 1


@compiled
def _close_overdue(tables: Tables, done: _Pass) -> None:
    """Close what is past its deadline, with all older ticks of its entity; note silences; find the next deadline."""
    earliest = -LONG_AGO
    for e in range(tables.entities.shape[0]):
        entity: TickEntity = tables.entities[e]
        overdue = 0
        for k in range(entity.tick_n_open):
            if entity.tick_open_deadline_ns[k] <= done.time_ns[0]:
                overdue = k + 1
        _close_until(tables, e, overdue, done)
        for k in range(entity.tick_n_open):
            earliest = min(earliest, entity.tick_open_deadline_ns[k])
        if entity.tick_is_silent:
            continue
        if _silent_at(entity, done.lateness_ns) > done.time_ns[0]:
            earliest = min(earliest, _silent_at(entity, done.lateness_ns))
            continue
        entity.tick_is_silent = 1
        row = done.used[0]
        of_the_past = entity.tick_newest_ns < entity.tick_heard_ns - done.lateness_ns
        done.rows.entity[row] = e
        done.rows.tick_ns[row] = entity.tick_newest_ns if of_the_past else done.time_ns[0]
        done.rows.interval_ns[row] = entity.tick_interval_ns
        done.rows.start[row] = done.rows.start[row + 1] = done.used[1]
        done.used[0] = row + 1
    done.time_ns[1] = earliest


@compiled
def _silent_at(entity: TickEntity, lateness_ns: int) -> int:
    """Newest event time of the partition at which an entity that says nothing more is silent."""
    return int(entity.tick_heard_ns + lateness_ns + _patience_ns(entity))


@compiled
def _patience_ns(entity: TickEntity) -> int:
    """How long an entity may say nothing, by its own rhythm."""
    interval_ns = entity.tick_interval_ns
    if interval_ns == 0:
        if entity.tick_n_gaps == 0:
            return UNKNOWN_NS
        longest = 0
        for k in range(entity.tick_n_gaps):
            longest = max(longest, entity.tick_gaps_ns[k])
        return int(max(SILENT_INTERVALS * longest, SILENT_NS))
    if interval_ns >= RARE_NS:
        return int(RARE_INTERVALS * interval_ns)
    return int(max(min(SILENT_INTERVALS * interval_ns, SILENT_NS), FEWEST_INTERVALS * interval_ns))


@compiled
def _close_until(tables: Tables, number: int, count: int, done: _Pass) -> None:
    """Close the `count` oldest open ticks of an entity, oldest first."""
    entity: TickEntity = tables.entities[number]
    for _ in range(min(count, entity.tick_n_open)):
        slot = entity.tick_open_slot[0]
        row, cell = done.used[0], done.used[1]
        done.rows.entity[row], done.rows.tick_ns[row], done.rows.start[row] = (
            number,
            entity.tick_open_newest_ns[0],
            cell,
        )
        done.rows.interval_ns[row] = entity.tick_interval_ns
        changed = False
        member = entity.link_first
        while member >= 0:
            series: TickSeries = tables.series[member]
            if series.tick_has_reported:
                changed = _attend(series, entity, slot) or changed
                if series.tick_absent_rows < RETIRED_ROWS:
                    done.rows.series[cell], done.rows.value[cell] = member, series.tick_slot_value[slot]
                    cell += 1
                series.tick_slot_value[slot] = np.nan
            member = series.link_next
        entity.tick_closed_key_ns = entity.tick_open_key_ns[0]
        entity.tick_n_rows += 1
        for k in range(1, entity.tick_n_open):
            entity.tick_open_key_ns[k - 1], entity.tick_open_newest_ns[k - 1] = (
                entity.tick_open_key_ns[k],
                entity.tick_open_newest_ns[k],
            )
            entity.tick_open_deadline_ns[k - 1], entity.tick_open_reported[k - 1] = (
                entity.tick_open_deadline_ns[k],
                entity.tick_open_reported[k],
            )
            entity.tick_open_slot[k - 1] = entity.tick_open_slot[k]
        entity.tick_n_open -= 1
        entity.tick_open_slot[entity.tick_n_open] = slot
        if changed:
            _recount(tables.series, entity)
        done.rows.start[row + 1] = cell
        done.used[0], done.used[1] = row + 1, cell


@compiled
def _attend(series: TickSeries, entity: TickEntity, slot: int) -> bool:
    """Note whether a series is in the row that closes; True if that changes whether it is waited for."""
    present = not np.isnan(series.tick_slot_value[slot])
    series.tick_absent_rows = 0 if present else series.tick_absent_rows + 1
    series.tick_presence_ratio += PRESENCE_RATE * ((1.0 if present else 0.0) - series.tick_presence_ratio)
    awaited = 1 if series.tick_presence_ratio >= AWAITED_PRESENCE and series.tick_absent_rows < AWAITED_ABSENT else 0
    if awaited == series.tick_is_awaited:
        return False
    entity.tick_n_awaited += awaited - series.tick_is_awaited
    series.tick_is_awaited = awaited
    return True


@compiled
def _recount(table: Table, entity: TickEntity) -> None:
    """Count again which awaited series have reported in the ticks that stay open."""
    for k in range(entity.tick_n_open):
        reported = 0
        member = entity.link_first
        while member >= 0:
            series: TickSeries = table[member]
            if series.tick_is_awaited and not np.isnan(series.tick_slot_value[entity.tick_open_slot[k]]):
                reported += 1
            member = series.link_next
        entity.tick_open_reported[k] = reported
