"""The detectors for one series, under one contract: score, then learn; columns of many series; state as an array.

The fold calls the first three by itself, row by row, with everything else that it knows (`scoring`). The others did not
earn a place there; they are here to be compared, and for who needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.detectors import hour_of_day as daily
from models.detectors import hour_of_week as seasonal
from models.detectors import level_shift, novelty, variance_change
from models.detectors import residual as online
from models.state.tables import SERIES, Table

Run = Callable[[Table, NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]], None]


@dataclass(frozen=True, slots=True)
class Channel:
    """A detector for one series.

    Attributes:
        name: for people. state: of one series; zeros are the state before the first value. shipped: whether the fold
            uses it.
    """

    name: str
    state: np.dtype[Any]
    shipped: bool
    _run: Run

    def fresh(self, n_series: int) -> Table:
        """State of series that have seen nothing."""
        return np.zeros(n_series, self.state)

    def play(self, table: Table, values: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Nats of surprise `(n_rows, n_series)`, from 0 up, each by what came before; changes the table.

        Args:
            table: of `fresh`, one row a series. Its bytes are a snapshot.
            values: float64 `(n_rows, n_series)`, NaN where missing, in order of time.
            tick_ns: int64 `(n_rows,)`, event times.
        """
        nats = np.zeros(values.shape)
        self._run(table, np.ascontiguousarray(values, np.float64), tick_ns, nats)
        return nats


CHANNELS = (
    Channel("residual", SERIES, shipped=True, _run=online.run),
    Channel("novelty", SERIES, shipped=True, _run=novelty.run),
    Channel("daily", SERIES, shipped=True, _run=daily.run),
    Channel("seasonal", seasonal.STATE, shipped=False, _run=seasonal.run),
    Channel("level-shift", level_shift.STATE, shipped=False, _run=level_shift.run),
    Channel("variance-change", variance_change.STATE, shipped=False, _run=variance_change.run),
)
