"""Single series with faults put into them: every other metric of the unlabelled past of SMD and ASD, a stream each.

Labelled windows of single series that are as narrow as what is wrong: NAB's are a tenth of a file. What the past has of
its own stays in it and is not labelled. Entities that may be tuned on give the tuning streams.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.quality.corpus import CorpusPart, DataSet, Stream, load_streams, read_stream
from infra.datafile.table import HISTORY, LABEL, PART, SCORED, TIMESTAMP

Floats = NDArray[np.float64]

ROWS = 9_000
"""Rows of a past that are used, at most: six days of minutes, a month of five minutes."""

HISTORY_SHARE = 0.15
ROWS_A_FAULT, MOST_FAULTS = 300, 9
LEAST_VALUES = 20
"""Distinct values below which a fault of so many deviations says nothing."""


def _spike(rng: np.random.Generator, value: Floats, deviations: float) -> Floats:
    return value + deviations


def _ramp(rng: np.random.Generator, value: Floats, deviations: float) -> Floats:
    return value + deviations * np.linspace(0.1, 1.2, len(value))


def _noise(rng: np.random.Generator, value: Floats, deviations: float) -> Floats:
    return value + deviations * rng.standard_normal(len(value))


FAULTS: Mapping[str, tuple[Callable[[np.random.Generator, Floats, float], Floats], int, int]] = {
    "spike": (_spike, 1, 4),
    "burst": (_spike, 3, 9),
    "shift": (_spike, 8, 80),
    "ramp": (_ramp, 8, 80),
    "noise": (_noise, 8, 80),
}
"""What happens to a stretch of values, and how many rows it lasts: at least, and fewer than."""


def injected(data: Path, folder: Path) -> list[Stream]:
    """The streams, their files written into a folder."""
    return [
        read_stream(path, path.stem, DataSet.INJECTED, part, None)
        for source in load_streams(data, [DataSet.SMD, DataSet.ASD])
        for path, part in _written(source, folder)
    ]


def _written(source: Stream, folder: Path) -> Iterator[tuple[Path, CorpusPart]]:
    past = np.flatnonzero(~source.judged)[:ROWS]
    moving = [
        column for column in range(len(source.metrics)) if len(np.unique(source.values[past, column])) >= LEAST_VALUES
    ]
    for column in moving[::2]:
        name = f"{source.entity}.{source.metrics[column]}"
        value, label = with_faults(source.values[past, column], zlib.crc32(name.encode()))
        part = np.where(np.arange(len(value)) < HISTORY_SHARE * len(value), HISTORY, SCORED)
        table = {TIMESTAMP: pa.array(source.time_ns[past], pa.timestamp("ns", "UTC")), LABEL: label, PART: part}
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table(table | {"value": value}), path)
        yield path, source.part


def with_faults(value: Floats, seed: int) -> tuple[Floats, NDArray[np.int8]]:
    """A series `(n,)` with faults of 2.5 to 9 deviations put into it, and int8 `(n,)`, 1 where they are.

    A deviation is half of what lies between the 16th and the 84th percentile, or a twentieth of nearly the whole range
    where that is more: three times what hardly ever moves would be nothing.
    """
    rng, value, label = np.random.default_rng(seed), value.copy(), np.zeros(len(value), np.int8)
    low, below, above, high = np.percentile(value, [0.5, 16, 84, 99.5])
    deviation = max(0.5 * (above - below), 0.05 * (high - low))
    first = int(HISTORY_SHARE * len(value)) + 50
    faults = int(np.clip((len(value) - first) / ROWS_A_FAULT, 3, MOST_FAULTS))
    stretch = (len(value) - first - 100) / faults
    for number in range(faults):
        change, least, most = FAULTS[str(rng.choice(list(FAULTS)))]
        begin = int(first + (number + 0.6 * rng.random()) * stretch)
        during = slice(begin, begin + int(rng.integers(least, most)))
        size = rng.uniform(2.5, 9.0) * deviation * (1 if rng.random() < 0.65 else -1)
        value[during] = change(rng, value[during], size)
        label[during] = 1
    return value, label
