"""Asked and obtained: false alarms on streams in which nothing happens, from the second week on.

Real ones besides: the files of NAB without an anomaly, and the unlabelled past of SMD and ASD, in which something may
have happened after all.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.quality import product
from benchmarks.quality.corpus import DataSet, Stream, load_streams
from benchmarks.quality.quiet_streams import KINDS, quiet
from benchmarks.quality.runs import run_all
from benchmarks.quality.tables import markdown

ASKED_PER_WEEK = (1.0, 7.0)
"""The product's default, and seven times as many: three weeks at one a week tell little of a single stream."""

FIRST_WEEK_S = 7 * 86_400
SEED = 1
NO_ANOMALY = "artificialNoAnomaly__"


@dataclass(frozen=True, slots=True)
class QuietFile:
    """A stream without anomalies, and the rate asked for. `values` float64 `(n, k)` at `time_ns` `(n,)`."""

    name: str
    asked: float
    time_ns: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def calibration(chosen: argparse.Namespace) -> dict[str, Any]:
    """The section: a row per stream, and one for all synthetic and all real ones."""
    rates = chosen.asked or ASKED_PER_WEEK
    tasks = {
        f"{stream.name}, {stream.asked:g} a week": stream
        for asked in rates
        for stream in (*_synthetic(asked), *_real(chosen.data, asked))
    }
    alarms = run_all(tasks, false_alarms, chosen.jobs)
    rows = []
    names = list(dict.fromkeys(stream.name for stream in tasks.values()))
    for name in names:
        row: dict[str, Any] = {"stream": name}
        for asked in rates:
            row |= _column(asked, [alarms[f"{name}, {asked:g} a week"]])
        rows.append(row)
    for title, real in (("all synthetic", False), ("all real", True)):
        row = {"stream": title}
        for asked in rates:
            some = [alarms[f"{name}, {asked:g} a week"] for name in names if (name not in KINDS) is real]
            row |= _column(asked, some)
        rows.append(row)
    columns = {"stream": "stream"} | {f"obtained_{a:g}": f"obtained of {a:g} a week" for a in rates}
    print(f"\nFalse alarms per entity and week, from the second week on\n\n{markdown(rows, columns)}", flush=True)
    return {"rows": rows}


def _column(asked: float, some: Sequence[tuple[int, float]]) -> dict[str, Any]:
    alerts, weeks = sum(a for a, _ in some), sum(w for _, w in some)
    return {f"obtained_{asked:g}": alerts / weeks if weeks else float("nan"), f"alerts_{asked:g}": alerts}


def false_alarms(stream: QuietFile) -> tuple[int, float]:
    """Alerts from the second week on, and how many weeks that are."""
    judged = stream.time_ns >= stream.time_ns[0] + FIRST_WEEK_S * 1_000_000_000
    with tempfile.TemporaryDirectory(prefix="tidewatch-quiet-") as folder:
        path = Path(folder) / "quiet.parquet"
        columns: dict[str, Any] = {"timestamp": pa.array(stream.time_ns, pa.timestamp("ns", "UTC"))}
        columns |= {name: stream.values[:, i] for i, name in enumerate(stream.names)}
        columns["part"] = np.where(judged, "scored", "history")
        pq.write_table(pa.table(columns), path)
        report = product.play(path, None, alerts_per_entity_week=stream.asked).report
    times = stream.time_ns[judged]
    return int(report["alerts"]), float(times[-1] - times[0]) / 604_800e9


def _synthetic(asked: float) -> Iterator[QuietFile]:
    for name in KINDS:
        made = quiet(name, SEED)
        time_ns = (made.time_s * 1e9).astype(np.int64)
        yield QuietFile(name, asked, time_ns, tuple(made.columns), np.column_stack(list(made.columns.values())))


def _real(data: Path, asked: float) -> Iterator[QuietFile]:
    for stream in load_streams(data, list(DataSet)):
        if stream.data_set is DataSet.NAB:
            if stream.entity.startswith(NO_ANOMALY):
                yield _file(stream, np.ones(len(stream.time_ns), np.bool_), asked)
        else:
            yield _file(stream, ~stream.judged, asked)


def _file(stream: Stream, which: NDArray[np.bool_], asked: float) -> QuietFile:
    names = tuple(f"m{number:02}" for number in range(stream.values.shape[1]))
    return QuietFile(stream.entity, asked, stream.time_ns[which], names, stream.values[which])
