"""Asked and obtained: false alarms on streams in which nothing happens, in a first week and from the second week on.

Of every synthetic kind there are several streams: three weeks at one alert a week are three alerts. Real ones besides:
the files of NAB without an anomaly, and the unlabelled past of SMD and ASD, in which something may have happened after
all.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.quality import product
from benchmarks.quality.corpus import DAY_NS, HANDED_OVER, DataSet, Stream, load_streams
from benchmarks.quality.quiet_streams import KINDS, quiet
from benchmarks.quality.runs import run_all
from benchmarks.quality.tables import markdown

ASKED_PER_WEEK = (1.0, 7.0)
"""The product's default, and seven times as many: weeks at one a week tell little of a single stream."""

WEEK_NS = 7 * DAY_NS
SEEDS = range(11, 17)
"""Of what is reported. Streams of seeds 1 to 6 are for choosing how the rate is kept to."""
NO_ANOMALY = "artificialNoAnomaly__"


@dataclass(frozen=True, slots=True)
class QuietFile:
    """A stream without anomalies, one of those that are counted together under a `name`. `values` float64 `(n, k)` at
    `time_ns` `(n,)`."""

    name: str
    number: int
    time_ns: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float64]


def calibration(chosen: argparse.Namespace) -> dict[str, Any]:
    """The section: a row per stream, and one for all synthetic, all real, and all ones."""
    rates = chosen.asked or ASKED_PER_WEEK
    streams = [*_synthetic(), *_real(chosen.data)]
    tasks = {
        f"{stream.name}, {stream.number}, {asked:g} a week": (stream, asked) for asked in rates for stream in streams
    }
    alarms = run_all(tasks, _false_alarms, chosen.jobs)
    counted: dict[tuple[str, float], list[Counted]] = defaultdict(list)
    for task, (stream, asked) in tasks.items():
        counted[stream.name, asked].append(alarms[task])
    names = list(dict.fromkeys(stream.name for stream in streams))
    members = {name: [name] for name in names}
    members["all synthetic"] = [name for name in names if name in KINDS]
    members["all real"] = [name for name in names if name not in KINDS]
    members["all"] = names
    rows = []
    for title, some in members.items():
        row: dict[str, Any] = {"stream": title}
        for asked in rates:
            row |= _columns(asked, [one for name in some for one in counted[name, asked]])
        rows.append(row)
    columns = {"stream": "stream", "weeks": "weeks"}
    columns |= {f"first_week_{a:g}": f"first week, {a:g} asked" for a in rates}
    columns |= {f"obtained_{a:g}": f"obtained of {a:g} a week" for a in rates}
    print(f"\nFalse alarms per entity and week, `weeks` from the second on\n\n{markdown(rows, columns)}", flush=True)
    return {"rows": rows}


@dataclass(frozen=True, slots=True)
class Counted:
    """Alerts of a stream, and for how many weeks it was there: its first, and those that follow."""

    first: int
    first_weeks: float
    later: int
    later_weeks: float


def _columns(asked: float, some: Sequence[Counted]) -> dict[str, Any]:
    first_weeks, later_weeks = sum(one.first_weeks for one in some), sum(one.later_weeks for one in some)
    first, later = sum(one.first for one in some), sum(one.later for one in some)
    return {
        "weeks": later_weeks,
        f"first_week_{asked:g}": first / first_weeks,
        f"obtained_{asked:g}": later / later_weeks if later_weeks else float("nan"),
        f"alerts_{asked:g}": later,
    }


def _false_alarms(task: tuple[QuietFile, float]) -> Counted:
    return false_alarms(*task)


def false_alarms(stream: QuietFile, asked: float) -> Counted:
    """How often a stream in which nothing happens alarms where `asked` alerts a week are asked for."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-quiet-") as folder:
        # another name is another seed of the model, as another stream is
        path = Path(folder) / f"quiet-{stream.number}.parquet"
        columns: dict[str, Any] = {"timestamp": pa.array(stream.time_ns, pa.timestamp("ns", "UTC"))}
        columns |= {name: stream.values[:, i] for i, name in enumerate(stream.names)}
        pq.write_table(pa.table(columns), path)
        alerts_ns = product.play(path, None, alerts_per_entity_week=asked).alerts_ns
    second_week_ns = int(stream.time_ns[0]) + WEEK_NS
    first = sum(at_ns < second_week_ns for at_ns in alerts_ns)
    weeks = float(stream.time_ns[-1] - stream.time_ns[0]) / WEEK_NS
    return Counted(first, min(weeks, 1.0), len(alerts_ns) - first, max(weeks - 1.0, 0.0))


def _synthetic() -> Iterator[QuietFile]:
    for name in KINDS:
        for seed in SEEDS:
            yield quiet_file(name, seed)


def quiet_file(name: str, seed: int, rows: slice = slice(None)) -> QuietFile:
    """The synthetic stream of a kind, or some of its rows."""
    made = quiet(name, seed)
    time_ns = (made.time_s[rows] * 1e9).astype(np.int64)
    values = np.column_stack([column[rows] for column in made.columns.values()])
    return QuietFile(name, seed, time_ns, tuple(made.columns), values)


def _real(data: Path) -> Iterator[QuietFile]:
    for stream in load_streams(data, HANDED_OVER):
        if stream.data_set is DataSet.NAB:
            if stream.entity.startswith(NO_ANOMALY):
                yield _file(stream, np.ones(len(stream.time_ns), np.bool_))
        else:
            yield _file(stream, ~stream.judged)


def _file(stream: Stream, which: NDArray[np.bool_]) -> QuietFile:
    names = tuple(f"m{number:02}" for number in range(stream.values.shape[1]))
    return QuietFile(stream.entity, 1, stream.time_ns[which], names, stream.values[which])
