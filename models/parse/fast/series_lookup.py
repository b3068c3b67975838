"""Raw forms of series in a hash table that compiled loops look up: which series these bytes mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled


class RawSeriesKeyTable(NamedTuple):
    """Raw forms of series by a hash table of open addresses, at most half full.

    Attributes:
        slot: int32 `(2^k,)`, number of a form, -1 free.
        start, metric_length, length: int64, of each form in `data`: metric, then the raw JSON of the labels.
        number: int32, of the series that the form stands for.
        data: uint8.
    """

    slot: NDArray[np.int32]
    start: NDArray[np.int64]
    metric_length: NDArray[np.int64]
    length: NDArray[np.int64]
    number: NDArray[np.int32]
    data: NDArray[np.uint8]


class RawSeriesKey(NamedTuple):
    """Where a raw form is in a buffer: its metric, and the raw JSON of its labels, -1 where there are none."""

    metric: int
    metric_end: int
    labels: int
    labels_end: int


@compiled
def find(data: NDArray[np.uint8], key: RawSeriesKey, table: RawSeriesKeyTable) -> int:
    """Number of the series whose raw form has these bytes; -1 where it is not known."""
    mask = table.slot.shape[0] - 1
    at = _hash(data, key) & mask
    n_metric = key.metric_end - key.metric
    n_labels = key.labels_end - key.labels if key.labels >= 0 else 0
    while table.slot[at] >= 0:
        entry = table.slot[at]
        if table.metric_length[entry] == n_metric and table.length[entry] == n_metric + n_labels:
            start = table.start[entry]
            same = _same(data, key.metric, table.data, start, n_metric)
            if same and _same(data, key.labels, table.data, start + n_metric, n_labels):
                return int(table.number[entry])
        at = (at + 1) & mask
    return -1


@compiled
def _same(a: NDArray[np.uint8], at_a: int, b: NDArray[np.uint8], at_b: int, n: int) -> bool:
    for k in range(n):  # noqa: SIM110 - compiled loops have no generators
        if a[at_a + k] != b[at_b + k]:
            return False
    return True


@compiled
def _hash(data: NDArray[np.uint8], key: RawSeriesKey) -> int:
    """FNV-1a of a raw form, its upper bits folded into the lower ones that the table uses."""
    h = np.uint64(14695981039346656037)
    for at in range(key.metric, key.metric_end):
        h = (h ^ np.uint64(data[at])) * np.uint64(1099511628211)
    if key.labels >= 0:
        for at in range(key.labels, key.labels_end):
            h = (h ^ np.uint64(data[at])) * np.uint64(1099511628211)
    return int((h ^ (h >> np.uint64(32))) & np.uint64(0x7FFFFFFF))


@compiled
def insert(first: int, end: int, table: RawSeriesKeyTable) -> None:
    """Enter forms `first` to `end`, excluded, whose bytes are there, into the table."""
    mask = table.slot.shape[0] - 1
    for entry in range(first, end):
        start = table.start[entry]
        middle, after = start + table.metric_length[entry], start + table.length[entry]
        at = _hash(table.data, RawSeriesKey(start, middle, middle if after > middle else -1, after)) & mask
        while table.slot[at] >= 0:
            at = (at + 1) & mask
        table.slot[at] = entry
