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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.sli.counts import Bindings, Counts, Found, count, room, written
from models.state.rows import Rows, Samples
from models.state.tables import DIFFS, LONG_AGO, OPEN, RING, State, Table, Tables

ACCEPTED, DUPLICATE, LATE = 0, 1, 2

SETTLED_ROWS = 3
"""Rows of an entity before a tick may close for being complete: until then a series may simply not have spoken yet."""

SILENT_INTERVALS = 10
"""Intervals that an entity may miss, beyond the lateness, before it is silent: a restart of its producer takes as
long."""

PRESENCE_RATE = 0.1
AWAITED_PRESENCE = 0.8
AWAITED_ABSENT = 2
"""A series is waited for while it was in most of the last ten rows and not missing twice running."""

RETIRED_ROWS = 2000
"""Rows without a series before it is no longer part of its entity's rows. More than `rebaseline_rows`, so its silence
is first reported, then accepted, then forgotten."""

CELLS_AT_ONCE = 2_000_000
"""Bounds the memory of one pass (24 bytes a cell): larger batches go through in pieces."""


class Placed(NamedTuple):
    """Result of placing a batch: how many samples had each fate, what they add to SLOs, which rows closed."""

    fates: NDArray[np.int64]
    counts: Counts
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


def place(state: State, bindings: Bindings, samples: Samples, lateness_ns: int) -> list[Placed]:
    """Place a batch, in pieces that bound the memory it takes; their results are in order."""
    width = state.entities["n_series"][state.series["entity"][samples.series]].astype(np.int64)
    piece = np.cumsum(width) // CELLS_AT_ONCE
    ends = [*(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
    placed, start = [], 0
    for end in ends:
        part = Samples(samples.series[start:end], samples.time_ns[start:end], samples.value[start:end])
        placed.append(_place_piece(state, bindings, part, lateness_ns, int(width[start:end].sum())))
        start = end
    return placed


def close_all(state: State) -> Rows:
    """Close every open tick."""
    done = _room(state, 0, 0, 0, lateness_ns=0)
    for entity in range(len(state.entity_names)):
        _close_until(state.tables, entity, OPEN, done)
    state.next_deadline_ns = -LONG_AGO
    return _used(done).rows


def _place_piece(state: State, bindings: Bindings, part: Samples, lateness_ns: int, width: int) -> Placed:
    n_counts = int(state.series["bound"][part.series].sum())
    done = _room(state, len(part.value), width, n_counts, lateness_ns=lateness_ns)
    _place(state.tables, bindings, part, done)
    state.newest_ns, state.next_deadline_ns = done.time_ns.tolist()
    return _used(done)


def _room(state: State, n_samples: int, width: int, n_counts: int, *, lateness_ns: int) -> _Pass:
    """Arrays for the most that can close: every tick that is open and one more a sample, and as many silences."""
    known = state.entities[: len(state.entity_names)]
    n_rows = int(known["n_open"].sum()) + len(known) + 2 * n_samples
    n_cells = int((known["n_open"].astype(np.int64) * known["n_series"]).sum()) + width
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


def _used(done: _Pass) -> Placed:
    n_rows, n_cells = done.used.tolist()
    rows = done.rows
    return Placed(
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
def _place(tables: Tables, bindings: Bindings, samples: Samples, done: _Pass) -> None:
    for i in range(samples.value.shape[0]):
        number = samples.series[i]
        one = tables.series[number]
        entity = tables.entities[one.entity]
        t = samples.time_ns[i]
        fate = _remember(one, entity, t, done.lateness_ns)
        done.fates[fate] += 1
        if fate != ACCEPTED:
            continue
        increase, rate = _increase(one, t, samples.value[i])
        if one.bound > 0:
            count(one, bindings, t, (samples.value[i], increase), done.found)
        _learn_interval(one, entity, t)
        entity.newest_ns = max(entity.newest_ns, t)
        done.time_ns[0] = max(done.time_ns[0], t)
        entity.heard_ns, entity.silent = done.time_ns[0], 0
        done.time_ns[1] = min(done.time_ns[1], _silent_at(entity, done.lateness_ns))
        value = rate if one.counter else samples.value[i]
        if not np.isnan(value):
            _put(tables, number, t, value, done)
        if done.time_ns[0] >= done.time_ns[1]:
            _close_overdue(tables, done)


@compiled
def _remember(one: Table, entity: Table, t: int, lateness_ns: int) -> int:
    """Fate of a sample; an accepted one's time is kept among the series' newest, in order."""
    n = one.n_times
    times = one.times
    place = n
    while place > 0 and times[place - 1] >= t:
        if times[place - 1] == t:
            return DUPLICATE
        place -= 1
    if t < entity.newest_ns - lateness_ns or (n == RING and place == 0):
        return LATE
    if n == RING:
        place -= 1
        for k in range(place):
            times[k] = times[k + 1]
    else:
        for k in range(n, place, -1):
            times[k] = times[k - 1]
        one.n_times = n + 1
    times[place] = t
    return ACCEPTED


@compiled
def _increase(one: Table, t: int, value: float) -> tuple[float, float]:
    """Increase since the series' previous sample, and per second; a smaller value is a counter that started again at 0.

    NaN for the first sample and for one that came out of order: its part is already in the increase across it.
    """
    n = one.n_times
    if one.times[n - 1] != t:
        return np.nan, np.nan
    previous = one.last
    one.last = value
    if n < 2 or np.isnan(previous):
        return np.nan, np.nan
    increase = value - previous if value >= previous else value
    return increase, increase * 1e9 / (t - one.times[n - 2])


@compiled
def _learn_interval(one: Table, entity: Table, t: int) -> None:
    """The median of the first distances between samples of one series, rounded to two digits where that is within 1
    %."""
    if entity.newest_ns == LONG_AGO:
        entity.phase_ns = t
    n = one.n_times
    if entity.interval_ns > 0 or n < 2 or one.times[n - 1] != t:
        return
    entity.diffs[entity.n_diffs] = t - one.times[n - 2]
    entity.n_diffs += 1
    if entity.n_diffs < DIFFS:
        return
    interval = _median(entity)
    unit = 1
    while unit * 100 <= interval:
        unit *= 10
    rounded = (interval + unit // 2) // unit * unit
    entity.interval_ns = rounded if abs(rounded - interval) * 100 <= interval else interval


@compiled
def _median(entity: Table) -> int:
    """Upper median of the distances, by counting: compiling a sort takes seconds."""
    for k in range(DIFFS):
        below, same = 0, 0
        for j in range(DIFFS):
            below += entity.diffs[j] < entity.diffs[k]
            same += entity.diffs[j] == entity.diffs[k]
        if below <= DIFFS // 2 < below + same:
            return int(entity.diffs[k])
    return 0


@compiled
def _put(tables: Tables, number: int, t: int, value: float, done: _Pass) -> None:
    """Put a feature value into its tick, opened if need be, and close what that completes."""
    one = tables.series[number]
    entity = tables.entities[one.entity]
    if one.live == 0:
        one.live, one.awaited, one.presence = 1, 1, 1.0
        entity.awaited += 1
    key = t
    if entity.interval_ns > 0:
        half = entity.interval_ns // 2
        key = entity.phase_ns + (t - entity.phase_ns + half) // entity.interval_ns * entity.interval_ns
    if key <= entity.closed_key:
        return
    where = entity.n_open
    while where > 0 and entity.key[where - 1] > key:
        where -= 1
    if where > 0 and entity.key[where - 1] == key:
        where -= 1
    else:
        if entity.n_open == OPEN:
            if where == 0:
                return
            _close_until(tables, one.entity, 1, done)
            where -= 1
        _open(entity, where, key, done)
        settled = entity.rows >= SETTLED_ROWS and entity.awaited > 0
        if not settled and where == entity.n_open - 1 and where > 0:
            _close_until(tables, one.entity, where, done)
            where = 0
    slot = entity.slot[where]
    if np.isnan(one.slot[slot]):
        entity.reported[where] += one.awaited
    elif one.times[one.n_times - 1] != t:
        return
    one.slot[slot] = value
    entity.at[where] = max(entity.at[where], t)
    if entity.rows >= SETTLED_ROWS and 0 < entity.awaited <= entity.reported[where]:
        _close_until(tables, one.entity, where + 1, done)


@compiled
def _open(entity: Table, where: int, key: int, done: _Pass) -> None:
    n = entity.n_open
    free = entity.slot[n]
    for k in range(n, where, -1):
        entity.key[k], entity.at[k] = entity.key[k - 1], entity.at[k - 1]
        entity.deadline[k], entity.reported[k] = entity.deadline[k - 1], entity.reported[k - 1]
        entity.slot[k] = entity.slot[k - 1]
    entity.slot[where] = free
    entity.key[where], entity.at[where], entity.reported[where] = key, LONG_AGO, 0
    entity.deadline[where] = done.time_ns[0] + done.lateness_ns
    done.time_ns[1] = min(done.time_ns[1], entity.deadline[where])
    entity.n_open = n + 1


@compiled
def _close_overdue(tables: Tables, done: _Pass) -> None:
    """Close what is past its deadline, with all older ticks of its entity; note silences; find the next deadline."""
    earliest = -LONG_AGO
    for e in range(tables.entities.shape[0]):
        entity = tables.entities[e]
        overdue = 0
        for k in range(entity.n_open):
            if entity.deadline[k] <= done.time_ns[0]:
                overdue = k + 1
        _close_until(tables, e, overdue, done)
        for k in range(entity.n_open):
            earliest = min(earliest, entity.deadline[k])
        if entity.silent:
            continue
        if _silent_at(entity, done.lateness_ns) > done.time_ns[0]:
            earliest = min(earliest, _silent_at(entity, done.lateness_ns))
            continue
        entity.silent = 1
        row = done.used[0]
        of_the_past = entity.newest_ns < entity.heard_ns - done.lateness_ns
        done.rows.entity[row] = e
        done.rows.tick_ns[row] = entity.newest_ns if of_the_past else done.time_ns[0]
        done.rows.interval_ns[row] = entity.interval_ns
        done.rows.start[row] = done.rows.start[row + 1] = done.used[1]
        done.used[0] = row + 1
    done.time_ns[1] = earliest


@compiled
def _silent_at(entity: Table, lateness_ns: int) -> int:
    """Newest event time of the partition at which an entity that says nothing more is silent."""
    return int(entity.heard_ns + lateness_ns + SILENT_INTERVALS * entity.interval_ns)


@compiled
def _close_until(tables: Tables, number: int, count: int, done: _Pass) -> None:
    """Close the `count` oldest open ticks of an entity, oldest first."""
    entity = tables.entities[number]
    for _ in range(min(count, entity.n_open)):
        slot = entity.slot[0]
        row, cell = done.used[0], done.used[1]
        done.rows.entity[row], done.rows.tick_ns[row], done.rows.start[row] = number, entity.at[0], cell
        done.rows.interval_ns[row] = entity.interval_ns
        changed = False
        member = entity.first
        while member >= 0:
            one = tables.series[member]
            if one.live:
                changed = _attend(one, entity, slot) or changed
                if one.absent < RETIRED_ROWS:
                    done.rows.series[cell], done.rows.value[cell] = member, one.slot[slot]
                    cell += 1
                one.slot[slot] = np.nan
            member = one.next
        entity.closed_key = entity.key[0]
        entity.rows += 1
        for k in range(1, entity.n_open):
            entity.key[k - 1], entity.at[k - 1] = entity.key[k], entity.at[k]
            entity.deadline[k - 1], entity.reported[k - 1] = entity.deadline[k], entity.reported[k]
            entity.slot[k - 1] = entity.slot[k]
        entity.n_open -= 1
        entity.slot[entity.n_open] = slot
        if changed:
            _recount(tables.series, entity)
        done.rows.start[row + 1] = cell
        done.used[0], done.used[1] = row + 1, cell


@compiled
def _attend(one: Table, entity: Table, slot: int) -> bool:
    """Note whether a series is in the row that closes; True if that changes whether it is waited for."""
    present = not np.isnan(one.slot[slot])
    one.absent = 0 if present else one.absent + 1
    one.presence += PRESENCE_RATE * ((1.0 if present else 0.0) - one.presence)
    awaited = 1 if one.presence >= AWAITED_PRESENCE and one.absent < AWAITED_ABSENT else 0
    if awaited == one.awaited:
        return False
    entity.awaited += awaited - one.awaited
    one.awaited = awaited
    return True


@compiled
def _recount(series: Table, entity: Table) -> None:
    """Count again which awaited series have reported in the ticks that stay open."""
    for k in range(entity.n_open):
        reported = 0
        member = entity.first
        while member >= 0:
            one = series[member]
            if one.awaited and not np.isnan(one.slot[entity.slot[k]]):
                reported += 1
            member = one.next
        entity.reported[k] = reported
