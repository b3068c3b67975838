"""What a model is trained on: rows of entity ticks, which of them to leave out, and which to hold back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.placing import Rows, Samples, bind, close_all, place
from models.records import SampleColumns
from models.series import EntityRule
from models.state import State

SAMPLES_AT_ONCE = 100_000
"""Bounds the memory of one pass of the placing, which makes room for the most that these could close."""


class IncidentWindow(NamedTuple):
    """When an entity was not itself: `start_ns <= tick < end_ns`. An empty entity means all of the service."""

    entity: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows of entity ticks of one service, ordered by tick and then by entity.

    Attributes:
        features: names of the F columns, as in `SeriesIdentity.feature`, sorted.
        entities: names of the entities.
        x: float64 `(n_rows, F)`, counters as rates a second; NaN where the series has no value in that tick.
        entity: int32 `(n_rows,)`, index into `entities`.
        tick_ns: int64 `(n_rows,)`, start of the tick, event time.
        interval_s: seconds between two ticks of an entity.
    """

    features: tuple[str, ...]
    entities: tuple[str, ...]
    x: NDArray[np.float64]
    entity: NDArray[np.int32]
    tick_ns: NDArray[np.int64]
    interval_s: float

    def __len__(self) -> int:
        return len(self.tick_ns)

    def take(self, rows: NDArray[Any]) -> TrainingTable:
        """The same table with some of its rows: a boolean mask `(n_rows,)` or indices in ascending order."""
        return TrainingTable(
            self.features, self.entities, self.x[rows], self.entity[rows], self.tick_ns[rows], self.interval_s
        )

    def columns(self, features: Sequence[str]) -> NDArray[np.float64]:
        """`(n_rows, len(features))` in the order asked for; NaN for a feature that the table does not have.

        >>> one = np.zeros(1, np.int32), np.zeros(1, np.int64)
        >>> TrainingTable(("a", "b"), ("e",), np.array([[1.0, 2.0]]), *one, 1.0).columns(("b", "c"))
        array([[ 2., nan]])
        """
        position = {name: index for index, name in enumerate(self.features)}
        out = np.full((len(self), len(features)), np.nan)
        for column, name in enumerate(features):
            if name in position:
                out[:, column] = self.x[:, position[name]]
        return out

    def coverage(self) -> NDArray[np.float64]:
        """Share of rows `(F,)` in which each feature has a value; zeros for an empty table."""
        if len(self) == 0:
            return np.zeros(len(self.features))
        return np.asarray(np.isfinite(self.x).mean(axis=0), dtype=np.float64)

    def inside(self, windows: Iterable[IncidentWindow]) -> NDArray[np.bool_]:
        """Mask `(n_rows,)` of the rows that lie in one of the windows of their entity."""
        number = {name: index for index, name in enumerate(self.entities)}
        mask = np.zeros(len(self), dtype=bool)
        for window in windows:
            # rows are ordered by tick: a window is a slice
            start, end = np.searchsorted(self.tick_ns, (window.start_ns, window.end_ns))
            if not window.entity:
                mask[start:end] = True
            elif window.entity in number:
                mask[start:end] |= self.entity[start:end] == number[window.entity]
        return mask


def tick_table(samples: SampleColumns, service: str, rule: EntityRule, lateness_s: float) -> TrainingTable:
    """The rows of a service's entities, as the fold forms them from the same samples in the same order.

    It is the fold's own placing: duplicates, late samples, resets of counters and the closing of ticks are decided by
    the same code. A history that is ordered by event time has no late samples.

    Raises:
        Rejected: one of the series is not a series.
    """
    state = State(rule)
    numbers = np.fromiter((state.register(text) for text in samples.series_ids), np.int32, len(samples.series_ids))
    bindings, lateness_ns = bind(state, ()), int(lateness_s * 1e9)
    parts: list[Rows] = []
    for start in range(0, len(samples), SAMPLES_AT_ONCE):
        end = start + SAMPLES_AT_ONCE
        piece = Samples(numbers[samples.series[start:end]], samples.event_time_ns[start:end], samples.values[start:end])
        parts += [_copy(placed.rows) for placed in place(state, bindings, piece, lateness_ns)]
    parts.append(close_all(state, lateness_ns))
    return _from_rows(state, service, parts)


def _copy(rows: Rows) -> Rows:
    """The same rows, free of the arrays they are cut from, which are as large as the most that could have closed."""
    return Rows(rows.entity.copy(), rows.tick_ns.copy(), rows.start.copy(), rows.series.copy(), rows.value.copy())


def _from_rows(state: State, service: str, parts: list[Rows]) -> TrainingTable:
    entities = tuple(name.entity for name in state.entity_names)
    mine = np.array([name.service == service for name in state.entity_names], dtype=bool)
    members = [n for n, identity in enumerate(state.identities) if identity.service == service]
    features = tuple(sorted({state.identities[n].feature for n in members}))
    position = {name: index for index, name in enumerate(features)}
    column = np.array([position.get(identity.feature, 0) for identity in state.identities], dtype=np.int64)
    entity = np.concatenate([part.entity for part in parts])
    tick_ns = np.concatenate([part.tick_ns for part in parts])
    x = np.full((len(entity), len(features)), np.nan)
    first = 0
    for part in parts:
        row = first + np.repeat(np.arange(len(part)), np.diff(part.start))
        inside = mine[entity[row]]
        x[row[inside], column[part.series[inside]]] = part.value[inside]
        first += len(part)
    order = np.lexsort((entity, tick_ns))
    order = order[(mine[entity[order]] if len(mine) else np.zeros(0, bool)) & np.isfinite(x[order]).any(axis=1)]
    known = state.entities["interval_ns"][: len(entities)][mine]
    interval_s = float(np.median(known[known > 0])) / 1e9 if (known > 0).any() else 1.0
    return TrainingTable(features, entities, x[order], entity[order], tick_ns[order], interval_s)


class Parts(NamedTuple):
    """A table cut into what the forest learns from, what calibrates its score, and what judges the result."""

    learn: TrainingTable
    calibrate: TrainingTable
    judge: TrainingTable


LARGEST_BLOCK = 64
"""Ticks of neighbouring time that stay together: longer than what neighbours have in common, so that the parts are
independent; shorter than the history by far, so that each part is a picture of all of it."""

_TURN = (0, 0, 1, 0, 2)
"""Part of each block in turn: three learn, one calibrates, one judges."""


def calibration_rows(rows: int) -> int:
    """About how many of a table's rows calibrate the model that is fitted to it."""
    return rows * _TURN.count(1) // len(_TURN)


def cut(table: TrainingTable) -> Parts:
    """The three parts, interleaved by blocks of time.

    Interleaved, not first and last: after a shift, all there is of the new normal is recent, and each part needs some.
    """
    if len(table) == 0:
        return Parts(table, table, table)
    tick = (table.tick_ns - table.tick_ns[0]) // max(int(table.interval_s * 1e9), 1)
    length = min(max((int(tick[-1]) + 1) // (10 * len(_TURN)), 1), LARGEST_BLOCK)
    part = np.array(_TURN)[(tick // length) % len(_TURN)]
    return Parts(*(table.take(part == number) for number in range(3)))


def recent(table: TrainingTable, since_ns: int, min_rows: int) -> TrainingTable:
    """The rows since a change, and before it no more rows than that: a new normal is half of what is learnt, at least.

    Never fewer than the newest `min_rows`, as far as there are as many.
    """
    after = len(table) - int(np.searchsorted(table.tick_ns, since_ns))
    keep = max(2 * after, min_rows)
    return table.take(np.arange(max(0, len(table) - keep), len(table)))
