"""The raw forms of series that compiled loops look up: arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.form_table import Forms, insert, insert_all

_NO_LABELS = b"{}"


class RawForms:
    """Number of a series by metric and raw JSON of its labels; see `Forms`."""

    def __init__(self) -> None:
        self._n = self._bytes = 0
        self.forms = Forms(
            np.full(2048, -1, np.int32), np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024, np.int64),
            np.empty(1024, np.int32), np.empty(64 * 1024, np.uint8),
        )  # fmt: skip

    def add(self, metric: bytes, labels: bytes, number: int) -> None:
        """Enter a form that is not there yet; one without labels may be written in two ways."""
        self._add(metric, labels, number)
        if labels == _NO_LABELS:
            self._add(metric, b"", number)

    def _add(self, metric: bytes, labels: bytes, number: int) -> None:
        text = metric + labels
        self._make_room(len(text))
        forms, form, start = self.forms, self._n, self._bytes
        forms.start[form], forms.metric_length[form], forms.length[form] = start, len(metric), len(text)
        forms.number[form] = number
        forms.data[start : start + len(text)] = np.frombuffer(text, np.uint8)
        self._n, self._bytes = form + 1, start + len(text)
        insert(form, forms)

    def _make_room(self, n_bytes: int) -> None:
        forms = self.forms
        while self._bytes + n_bytes > len(forms.data):
            forms = forms._replace(data=_doubled(forms.data))
        if self._n == len(forms.start):
            columns = {name: _doubled(getattr(forms, name)) for name in ("start", "metric_length", "length", "number")}
            forms = forms._replace(slot=np.full(2 * len(forms.slot), -1, np.int32), **columns)
            insert_all(self._n, forms)
        self.forms = forms


def _doubled(column: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate((column, np.empty_like(column)))
