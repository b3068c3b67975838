"""A simulation as files: DATA in the long form, and the labels beside it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from infra.datafile.read import LABEL_COLUMNS
from models.errors import Misconfigured
from models.records import SampleColumns
from models.series import parse_series
from models.synthetic.services import Simulation
from models.timestamps import to_rfc3339

LABELS_FILE = "labels.csv"
FORMATS = ("parquet", "csv")


# ticks written at once; with 70 series about 1.4 million samples, 100 MB while they are made
BLOCK_TICKS = 20_000


def write_dataset(
    simulation: Simulation,
    ticks: int,
    folder: Path,
    file_format: str = "parquet",
    progress: Callable[[int], None] = lambda samples: None,
) -> list[Path]:
    """Write the next `ticks` ticks to `samples.<format>` and their labels to `labels.csv`; returns both paths."""
    if file_format not in FORMATS:
        raise Misconfigured(f"{file_format!r} is no format: {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"samples.{file_format}"
    first = _table(simulation.columns(simulation.block(min(ticks, BLOCK_TICKS))))
    kind = pyarrow.parquet.ParquetWriter if file_format == "parquet" else pyarrow.csv.CSVWriter
    with kind(data, first.schema) as writer:
        writer.write_table(first)
        progress(first.num_rows)
        for start in range(BLOCK_TICKS, ticks, BLOCK_TICKS):
            table = _table(simulation.columns(simulation.block(min(BLOCK_TICKS, ticks - start))))
            writer.write_table(table)
            progress(table.num_rows)
    labels = folder / LABELS_FILE
    with labels.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(LABEL_COLUMNS)
        for window in simulation.labels():
            rows.writerow([window.entity, to_rfc3339(window.start_ns), to_rfc3339(window.end_ns)])
    return [data, labels]


def ending_at_ns(now_ns: int, lasts_s: float, interval_s: float) -> int:
    """First event time of data that last so long and end now, on the interval's grid.

    >>> ending_at_ns(65_500_000_000, lasts_s=60.0, interval_s=1.0)
    5000000000
    """
    interval_ns = round(interval_s * 1e9)
    return (now_ns - round(lasts_s * 1e9)) // interval_ns * interval_ns


def _table(columns: SampleColumns) -> pa.Table:
    identities = [parse_series(series_id) for series_id in columns.series_ids]
    names = sorted({name for _, labels in identities for name in labels})
    indices = pa.array(columns.series)

    def told_by_series(values: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(indices, pa.array(values, pa.string())).cast(pa.string())

    return pa.table(
        {
            "timestamp": pa.array(columns.event_time_ns // 1000, pa.timestamp("us", "UTC")),
            "metric": told_by_series([metric for metric, _ in identities]),
            "value": pa.array(np.asarray(columns.values)),
            **{name: told_by_series([labels.get(name, "") for _, labels in identities]) for name in names},
        }
    )
