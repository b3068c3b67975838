"""The raw forms of series that compiled loops look up: arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.parse.fast.series_lookup import Forms, insert

_NO_LABELS = b"{}"


class RawForms:
    """Number of a series by metric and raw JSON of its labels; see `Forms`."""

    def __init__(self) -> None:
        self._n = self._entered = self._bytes = 0
        self._forms = Forms(
            np.full(2048, -1, np.int32),
            np.empty(1024, np.int64),
            np.empty(1024, np.int64),
            np.empty(1024, np.int64),
            np.empty(1024, np.int32),
            np.empty(64 * 1024, np.uint8),
        )

    @property
    def forms(self) -> Forms:
        """The table, with everything entered that was added."""
        if self._entered < self._n:  # at once: a call of a compiled function takes as long as reading ten samples
            insert(self._entered, self._n, self._forms)
            self._entered = self._n
        return self._forms

    def add(self, metric: bytes, labels: bytes, number: int) -> None:
        """Enter a form that is not there yet; one without labels may be written in two ways."""
        self._add(metric, labels, number)
        if labels == _NO_LABELS:
            self._add(metric, b"", number)

    def _add(self, metric: bytes, labels: bytes, number: int) -> None:
        text = metric + labels
        self._make_room(len(text))
        forms, form, start = self._forms, self._n, self._bytes
        forms.start[form], forms.metric_length[form], forms.length[form] = start, len(metric), len(text)
        forms.number[form] = number
        forms.data[start : start + len(text)] = np.frombuffer(text, np.uint8)
        self._n, self._bytes = form + 1, start + len(text)

    def _make_room(self, n_bytes: int) -> None:
        forms = self._forms
        while self._bytes + n_bytes > len(forms.data):
            forms = forms._replace(data=_doubled(forms.data))
        if self._n == len(forms.start):
            columns = {name: _doubled(getattr(forms, name)) for name in ("start", "metric_length", "length", "number")}
            forms = forms._replace(slot=np.full(2 * len(forms.slot), -1, np.int32), **columns)
            self._entered = 0
        self._forms = forms


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    larger = np.empty(2 * len(column), column.dtype)  # what is not written yet takes no memory
    larger[: len(column)] = column
    return larger
