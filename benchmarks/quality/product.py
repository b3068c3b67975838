"""The shipped configuration on a file, through the path of `tidewatch backtest`: its files in, `scores.csv` out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from infra.backtest.run import SCORES_FILE, BacktestRun
from infra.settings import load
from models.labels import LabelWindow

BATCH_SAMPLES = 65_536
"""The command's default."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a backtest of one file of one entity told.

    Attributes:
        time_ns: int64 `(n,)`, ticks. score, value, low, high: float64 `(n,)`; the band is of the first cause.
        cause: metric that contributed most, a row.
        alerts_ns: event times at which alerts were decided, sorted.
        report: `report.json`, judged from the file's `scored` part on.
    """

    time_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    cause: list[str]
    alerts_ns: list[int]
    report: dict[str, Any]

    def at(self, time_ns: NDArray[np.int64], column: NDArray[np.float64], missing: float) -> NDArray[np.float64]:
        """A column at the rows of a file, `(m,)`; `missing` where a row gave no tick of its own (late, repeated)."""
        place = np.minimum(np.searchsorted(self.time_ns, time_ns), len(self.time_ns) - 1)
        return np.where(self.time_ns[place] == time_ns, column[place], missing)


def play(path: Path, windows: Sequence[LabelWindow] | None, **settings: Any) -> Played:
    """Backtest one file with the settings as shipped, but for those given."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-quality-") as folder:
        run = BacktestRun(load(**settings), [], BATCH_SAMPLES, _silent)
        report = run.play(path, Path(folder), windows)
        columns = pa.csv.ConvertOptions(
            column_types={"cause_metric": pa.string(), "timestamp": pa.timestamp("ns", "UTC"), "entity": pa.string()}
            | dict.fromkeys(("anomaly_score", "value", "expected_low", "expected_high"), pa.float64())
        )
        table = pa.csv.read_csv(Path(folder) / SCORES_FILE, convert_options=columns)
    value, low, high = (
        table[name].to_numpy(zero_copy_only=False) for name in ("value", "expected_low", "expected_high")
    )
    return Played(
        table["timestamp"].cast(pa.int64()).to_numpy(),
        table["anomaly_score"].to_numpy(),
        value,
        low,
        high,
        table["cause_metric"].to_pylist(),
        sorted(run.collected.decided_ns.values()),
        report,
    )


def _silent(path: Path, samples: int) -> None:
    """Progress is told a file at a time."""
