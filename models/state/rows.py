"""Columns between the steps of the fold: a batch of samples, and the rows that closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Samples(NamedTuple):
    """A batch with series numbers of the state."""

    series: NDArray[np.int32]
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]


class Rows(NamedTuple):
    """Closed rows in the order in which they closed. Row i has cells `start[i]` to `start[i + 1]`; a missing value
    is NaN. `interval_ns` is the entity's sampling interval as it was known then, 0 before it was."""

    entity: NDArray[np.int32]
    tick_ns: NDArray[np.int64]
    interval_ns: NDArray[np.int64]
    start: NDArray[np.int64]
    series: NDArray[np.int32]
    value: NDArray[np.float64]


def joined_rows(pieces: Sequence[Rows]) -> Rows:
    """Rows of several pieces as one."""
    offset = np.cumsum([0, *(len(piece.series) for piece in pieces)])
    start = [piece.start[:-1] + before for piece, before in zip(pieces, offset[:-1], strict=True)]
    return Rows(
        np.concatenate([piece.entity for piece in pieces]),
        np.concatenate([piece.tick_ns for piece in pieces]),
        np.concatenate([piece.interval_ns for piece in pieces]),
        np.concatenate([*start, offset[-1:]]).astype(np.int64),
        np.concatenate([piece.series for piece in pieces]),
        np.concatenate([piece.value for piece in pieces]),
    )


def with_cells(rows: Rows) -> NDArray[np.int64]:
    """Positions of the rows that have cells: all but those that report a silence."""
    return np.flatnonzero(np.diff(rows.start))


def selected_rows(rows: Rows, which: NDArray[np.int64]) -> Rows:
    """Some rows, in order; what is left out must have no cells."""
    start = np.append(rows.start[which], rows.start[-1])
    return Rows(rows.entity[which], rows.tick_ns[which], rows.interval_ns[which], start, rows.series, rows.value)
