"""What a model is trained on: rows of entity ticks, which of them to leave out, and which to hold back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.labels import IncidentWindow
from models.timestamps import SECOND_NS


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

    def take(self, rows: NDArray[Any] | slice) -> TrainingTable:
        """The same table with some of its rows: a boolean mask `(n_rows,)`, indices in ascending order, or a slice,
        which shares the arrays."""
        return TrainingTable(
            self.features, self.entities, self.x[rows], self.entity[rows], self.tick_ns[rows], self.interval_s
        )

    def newest(self, most: int) -> TrainingTable:
        """The same table with its newest `most` rows, sharing the arrays."""
        return self.take(slice(max(0, len(self) - most), len(self)))

    def evenly(self, most: int) -> TrainingTable:
        """The same table with at most `most` of its rows, evenly spaced."""
        if len(self) <= most:
            return self
        return self.take(np.linspace(0, len(self) - 1, most).astype(np.int64))

    def columns(self, features: Sequence[str]) -> NDArray[np.float64]:
        """`(n_rows, len(features))` in the order asked for; NaN for a feature that the table does not have. Not to be
        written to: where all are asked for, it is the table's own array.

        >>> one = np.zeros(1, np.int32), np.zeros(1, np.int64)
        >>> TrainingTable(("a", "b"), ("e",), np.array([[1.0, 2.0]]), *one, 1.0).columns(("b", "c"))
        array([[ 2., nan]])
        """
        if tuple(features) == self.features:
            return self.x
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
    tick = (table.tick_ns - table.tick_ns[0]) // max(int(table.interval_s * SECOND_NS), 1)
    length = min(max((int(tick[-1]) + 1) // (10 * len(_TURN)), 1), LARGEST_BLOCK)
    part = np.array(_TURN)[(tick // length) % len(_TURN)]
    return Parts(*(table.take(part == number) for number in range(3)))


def recent(table: TrainingTable, since_ns: int, min_rows: int) -> TrainingTable:
    """The rows since a change, and before it no more rows than that: a new normal is half of what is learnt, at least.

    Never fewer than the newest `min_rows`, as far as there are as many.
    """
    after = len(table) - int(np.searchsorted(table.tick_ns, since_ns))
    return table.newest(max(2 * after, min_rows))
