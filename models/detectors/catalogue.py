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

from models.detectors import hour_of_day, hour_of_week, level_shift, novelty, residual, variance_change
from models.state.fields import Layout, Table
from models.state.metric_rules import MetricRuleRow

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
        surprise_nats = np.zeros(values.shape)
        self._run(table, np.ascontiguousarray(values, np.float64), tick_ns, surprise_nats)
        return surprise_nats


def _layout(*rows: type) -> np.dtype[Any]:
    return Layout.of(*rows).dtype


CHANNELS = (
    Channel("residual", _layout(MetricRuleRow, residual.ResidualRow), shipped=True, _run=residual.run),
    Channel("novelty", _layout(hour_of_day.HourOfDayRow, novelty.NoveltyRow), shipped=True, _run=novelty.run),
    Channel("daily", _layout(hour_of_day.HourOfDayRow), shipped=True, _run=hour_of_day.run),
    Channel("seasonal", _layout(hour_of_week.HourOfWeekRow), shipped=False, _run=hour_of_week.run),
    Channel("level-shift", _layout(level_shift.LevelShiftRow), shipped=False, _run=level_shift.run),
    Channel("variance-change", _layout(variance_change.VarianceChangeRow), shipped=False, _run=variance_change.run),
)
