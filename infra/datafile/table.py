"""One CSV or Parquet file as typed arrays, or one line that says which file, line and column is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from models.errors import Misconfigured, Rejected
from models.parse.event_time import epoch_ns, event_time_ns
from models.series import valid_metric_name

SUFFIXES = (".csv", ".csv.gz", ".parquet")
TIMESTAMP, METRIC, VALUE, LABEL, PART = "timestamp", "metric", "value", "label", "part"
HISTORY, SCORED = "history", "scored"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_:.\-/]+")
_FIRST_LINE = 2  # of data: the first one holds the names


def load_table(path: Path) -> pa.Table:
    """The file's columns; raises `Misconfigured` where it cannot be read or has no `timestamp`."""
    try:
        if path.name.endswith(".parquet"):
            with pyarrow.parquet.ParquetFile(path) as file:
                table = file.read()
        else:
            table = pyarrow.csv.read_csv(path)  # decompresses by the file's name
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    names = table.column_names
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Misconfigured(f"{path}: column {doubled[0]!r} appears more than once")
    if TIMESTAMP not in names:
        raise Misconfigured(f"{path}: no column 'timestamp' among {', '.join(names[:10])}")
    if not table.num_rows:
        raise Misconfigured(f"{path}: no rows")
    return table


def _complain(path: Path, row: int, column: str, problem: str) -> Misconfigured:
    where = f"row {row + 1}" if path.name.endswith(".parquet") else f"line {row + _FIRST_LINE}"
    return Misconfigured(f"{path}: {where}, column {column!r}: {problem}")


def times_ns(table: pa.Table, path: Path) -> NDArray[np.int64]:
    """Event times, `(n_rows,)` nanoseconds, from dates with times (UTC where they do not say) or epoch numbers."""
    column = table[TIMESTAMP]
    if column.null_count:
        raise _complain(path, int(np.flatnonzero(column.is_null())[0]), TIMESTAMP, "empty")
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        try:
            return np.asarray(column.cast(pa.timestamp("ns")).to_numpy().astype(np.int64))
        except pa.ArrowInvalid as error:
            raise Misconfigured(f"{path}: column 'timestamp': {error}") from error
    values = column.to_pylist()
    times = np.empty(len(values), np.int64)
    known: dict[object, int] = {}
    for row, value in enumerate(values):
        time_ns = known.get(value)
        if time_ns is None:
            try:
                time_ns = known[value] = event_time_ns(value) if isinstance(value, str) else epoch_ns(value)
            except (Rejected, TypeError) as error:
                raise _complain(path, row, TIMESTAMP, getattr(error, "detail", str(error))) from error
        times[row] = time_ns
    return times


def is_number(column: pa.ChunkedArray) -> bool:
    """Whether a column holds numbers or booleans; one that is empty throughout counts as numbers, all missing."""
    kind = column.type
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    )


def numbers(table: pa.Table, name: str, path: Path) -> NDArray[np.float64]:
    """A column as float64 `(n_rows,)`, NaN where empty; raises `Misconfigured` naming the first cell that is none."""
    column = table[name]
    if not is_number(column):
        raise first_non_number(table, name, path)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def first_non_number(table: pa.Table, name: str, path: Path) -> Misconfigured:
    """The complaint about the first cell of a text column that is no number."""
    for row, value in enumerate(table[name].to_pylist()):
        if value is not None and not _reads_as_number(value):
            return _complain(path, row, name, f"{str(value)[:60]!r} is not a number")
    return Misconfigured(f"{path}: column {name!r} has type {table[name].type}, numbers are wanted")


def _reads_as_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def label_names(table: pa.Table, candidates: list[str], entity_labels: tuple[str, ...], path: Path) -> list[str]:
    """Which of the candidate columns are labels: text, or named like an entity label.

    A text column that begins with a number is a column of numbers with a mistake in it, and is refused as such: as a
    label it would make every row a series of its own.
    """
    labels = []
    for name in candidates:
        column = table[name]
        if name in entity_labels:
            labels.append(name)
        elif not is_number(column):
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise Misconfigured(f"{path}: column {name!r} has type {kind}, which is neither number nor text")
            first = next((value for value in column.to_pylist() if value), "")
            if _reads_as_number(first):
                raise first_non_number(table, name, path)
            labels.append(name)
    return labels


def label_sets(table: pa.Table, names: list[str]) -> tuple[NDArray[np.int64], list[dict[str, str]]]:
    """Distinct label sets of the rows: their number per row `(n_rows,)`, and the sets; empty cells are left out."""
    codes = np.zeros(table.num_rows, np.int64)
    sets: list[dict[str, str]] = [{}]
    for name in names:
        indices, values = encode(table, name)
        combined, codes = np.unique(codes * len(values) + indices, return_inverse=True)
        clean = clean_name(name)
        sets = [
            sets[code // len(values)] | ({clean: values[code % len(values)]} if values[code % len(values)] else {})
            for code in combined.tolist()
        ]
    return codes, sets


def encode(table: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str]]:
    """A column as texts, told once each: index per row `(n_rows,)`, and the distinct texts (empty for null)."""
    column = pc.fill_null(table[name].cast(pa.string()), "").combine_chunks()
    encoded = column.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64), encoded.dictionary.to_pylist()


def clean_name(name: str) -> str:
    """A column's name as a metric or label name: what such a name cannot hold becomes `_`.

    >>> clean_name("CPU usage (%)"), clean_name("5xx")
    ('CPU_usage_', '_5xx')
    """
    clean = _NOT_IN_A_NAME.sub("_", name)
    return clean if valid_metric_name(clean) else f"_{clean}"


def label_flags(table: pa.Table, path: Path) -> NDArray[np.bool_] | None:
    """Which rows are marked abnormal, `(n_rows,)`; None where there is no `label` column."""
    if LABEL not in table.column_names:
        return None
    flags = numbers(table, LABEL, path)
    odd = np.flatnonzero(~((flags == 0) | (flags == 1) | np.isnan(flags)))
    if len(odd):
        raise _complain(path, int(odd[0]), LABEL, f"{flags[odd[0]]:g} is neither 0 nor 1")
    return np.asarray(flags == 1)


def scored_flags(table: pa.Table, path: Path) -> NDArray[np.bool_] | None:
    """Which rows are to be judged, `(n_rows,)`; None where there is no `part` column."""
    if PART not in table.column_names:
        return None
    indices, values = encode(table, PART)
    for number, value in enumerate(values):
        if value not in (HISTORY, SCORED):
            row = int(np.flatnonzero(indices == number)[0])
            raise _complain(path, row, PART, f"{value[:60]!r} is neither 'history' nor 'scored'")
    return np.asarray(np.array([value == SCORED for value in values])[indices])


def read_rows(path: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows of a small CSV file with these columns as texts; raises `Misconfigured` naming what is missing."""
    try:
        table = pyarrow.csv.read_csv(
            path, convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        )
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    for name in names:
        if name not in table.column_names:
            raise Misconfigured(f"{path}: no column {name!r} among {', '.join(table.column_names[:10])}")
    rows: list[dict[str, Any]] = table.select(list(names)).to_pylist()
    return rows
