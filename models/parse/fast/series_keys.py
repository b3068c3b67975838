"""The raw forms of series that compiled loops look up: arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.parse.fast.series_lookup import RawSeriesKeyTable, insert

_NO_LABELS = b"{}"


class RawSeriesKeys:
    """Number of a series by metric and raw JSON of its labels; see `RawSeriesKeyTable`."""

    def __init__(self) -> None:
        self._n = self._entered = self._bytes = 0
        self._table = RawSeriesKeyTable(
            np.full(2048, -1, np.int32),
            np.empty(1024, np.int64),
            np.empty(1024, np.int64),
            np.empty(1024, np.int64),
            np.empty(1024, np.int32),
            np.empty(64 * 1024, np.uint8),
        )

    @property
    def table(self) -> RawSeriesKeyTable:
        """The table, with everything entered that was added."""
        if self._entered < self._n:  # at once: a call of a compiled function takes as long as reading ten samples
            insert(self._entered, self._n, self._table)
            self._entered = self._n
        return self._table

    def add(self, metric: bytes, labels: bytes, number: int) -> None:
        """Enter a form that is not there yet; one without labels may be written in two ways."""
        self._add(metric, labels, number)
        if labels == _NO_LABELS:
            self._add(metric, b"", number)

    def _add(self, metric: bytes, labels: bytes, number: int) -> None:
        text = metric + labels
        self._make_room(len(text))
        table, key, start = self._table, self._n, self._bytes
        table.start[key], table.metric_length[key], table.length[key] = start, len(metric), len(text)
        table.number[key] = number
        table.data[start : start + len(text)] = np.frombuffer(text, np.uint8)
        self._n, self._bytes = key + 1, start + len(text)

    def _make_room(self, n_bytes: int) -> None:
        table = self._table
        while self._bytes + n_bytes > len(table.data):
            table = table._replace(data=_doubled(table.data))
        if self._n == len(table.start):
            columns = {name: _doubled(getattr(table, name)) for name in ("start", "metric_length", "length", "number")}
            table = table._replace(slot=np.full(2 * len(table.slot), -1, np.int32), **columns)
            self._entered = 0
        self._table = table


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    larger = np.empty(2 * len(column), column.dtype)  # what is not written yet takes no memory
    larger[: len(column)] = column
    return larger
