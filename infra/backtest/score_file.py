"""`scores.csv`: a row per entity and tick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from models.state.results import ScoredRows
from models.timestamps import SECOND_NS

SCHEMA = pa.schema(
    [
        ("timestamp", pa.string()),
        ("entity", pa.string()),
        ("anomaly_score", pa.float64()),
        ("is_anomaly", pa.int8()),
        ("cause_metric", pa.string()),
        ("value", pa.float64()),
        ("expected_low", pa.float64()),
        ("expected_high", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def rfc3339(time_ns: NDArray[np.int64]) -> NDArray[np.str_]:
    """UTC texts of times in nanoseconds: whole seconds where all are, else milliseconds.

    >>> rfc3339(np.array([1_700_000_000_000_000_000])).tolist()
    ['2023-11-14T22:13:20Z']
    """
    unit = "s" if not np.any(time_ns % SECOND_NS) else "ms"
    moments = time_ns.astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    return np.char.add(np.datetime_as_string(moments), "Z")


class ScoreFile:
    """Writes rows as they come; the file gets its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.part")
        options = pa.csv.WriteOptions(quoting_style="needed")
        self._writer = pa.csv.CSVWriter(self._unfinished, SCHEMA, write_options=options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        if error is None:
            self._unfinished.replace(self._path)
        else:
            self._unfinished.unlink(missing_ok=True)

    def write(self, rows: ScoredRows, entity_names: Sequence[str]) -> None:
        """Append rows; `entity_names` by entity number."""
        if len(rows) == 0:
            return
        numbers = np.asarray(entity_names, dtype=object)[rows.entity]
        columns = [
            rfc3339(rows.tick_ns),
            numbers,
            np.round(rows.score, 6),
            rows.is_anomaly.astype(np.int8),
            rows.cause,
            *(_nullable(column) for column in (rows.value, rows.expected_lower, rows.expected_upper)),
            rows.model_version,
        ]
        arrays = [
            column if isinstance(column, pa.Array) else pa.array(column, type=field.type)
            for column, field in zip(columns, SCHEMA, strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=SCHEMA))


def _nullable(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values, mask=~np.isfinite(values))
