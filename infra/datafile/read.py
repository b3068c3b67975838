"""DATA files: a CSV (also gzipped) or Parquet file, or a folder of them, as columns of samples in time order.

Long: `timestamp,metric,value` and label columns. Wide: `timestamp`, a numeric column per metric, text columns as
labels. Reserved, never a metric: `label` (0/1) and `part` (`history`, `scored`). A row without an entity label belongs
to the entity that the file's stem names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from infra.datafile import table as dt
from models.errors import Misconfigured, Rejected
from models.labels import LabelWindow
from models.parse.event_time import event_time_ns
from models.records import SampleColumns
from models.series import EntityRule, format_series

LABEL_COLUMNS = ("entity", "start", "end")
# samples a chunk: bounds what a fold gets at once; from 10,000 on the cost per call no longer shows
CHUNK_SAMPLES = 65_536


@dataclass(frozen=True, slots=True)
class DataFile:
    """What is known of one file.

    Attributes:
        path: the file.
        entities: entities of its rows, sorted.
        rows: data rows. missing: cells without a finite number, which give no sample.
        labels: abnormal time ranges from the `label` column (first and last marked row of each run); None without one.
        scored_from_ns: entity -> first event time that is to be judged, from the `part` column; empty without one.
    """

    path: Path
    entities: tuple[str, ...]
    rows: int
    missing: int
    labels: tuple[LabelWindow, ...] | None
    scored_from_ns: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DataChunk:
    """Consecutive samples of one file. Within a file chunks, and samples in them, are in order of event time."""

    file: DataFile
    columns: SampleColumns


@dataclass(frozen=True, slots=True)
class _Rows:
    """A file's rows in time order: wide ones have a column of values per metric, long ones a single one.

    `series` is int32 `(n_rows, n_columns)`, `values` float64 of the same shape, NaN where there is none.
    """

    time_ns: NDArray[np.int64]
    series: NDArray[np.int32]
    values: NDArray[np.float64]
    series_ids: list[str]


def data_files(path: Path) -> list[Path]:
    """The DATA files that `path` means, sorted by name; raises `Misconfigured` where there are none.

    In a folder, files of other kinds and label files (`entity,start,end`) are passed over.
    """
    if path.is_file():
        if not path.name.endswith(dt.SUFFIXES):
            raise Misconfigured(f"{path}: not a data file: {', '.join(dt.SUFFIXES)} are read")
        return [path]
    if not path.is_dir():
        raise Misconfigured(f"{path}: no such file or folder")
    files = sorted(f for f in path.iterdir() if f.name.endswith(dt.SUFFIXES) and not f.name.startswith((".", "_")))
    files = [file for file in files if file.name.endswith(".parquet") or not _is_label_file(file)]
    if not files:
        raise Misconfigured(f"{path}: no data files ({', '.join(dt.SUFFIXES)}) in this folder")
    return files


def _is_label_file(path: Path) -> bool:
    try:
        with pyarrow.csv.open_csv(path) as reader:
            return set(reader.schema.names) == set(LABEL_COLUMNS)
    except (pa.ArrowInvalid, OSError):
        return False  # reading it as data says what is wrong


def read_data(path: Path, entity_rule: EntityRule, chunk_samples: int = CHUNK_SAMPLES) -> Iterator[DataChunk]:
    """Chunks of every file of `path`, file after file. One file is in memory at a time, at about 20 bytes a cell.

    Raises:
        Misconfigured: naming file, line and column, before the first chunk of the file in question.
    """
    for file in data_files(path):
        yield from read_file(file, entity_rule, chunk_samples)


def read_file(path: Path, entity_rule: EntityRule, chunk_samples: int = CHUNK_SAMPLES) -> Iterator[DataChunk]:
    """Chunks of one file; as `read_data`."""
    table = dt.load_table(path)
    time_ns = dt.times_ns(table, path)
    rows, entity_of_row, entities = _rows(table, time_ns, path, entity_rule)
    labels = dt.label_flags(table, path)
    scored = dt.scored_flags(table, path)
    finite = np.isfinite(rows.values)
    file = DataFile(
        path=path,
        entities=tuple(sorted(entities)),
        rows=len(time_ns),
        missing=int(finite.size - np.count_nonzero(finite)),
        labels=None if labels is None else tuple(_windows(time_ns, labels, entity_of_row, entities)),
        scored_from_ns={} if scored is None else _scored_from(time_ns, scored, entity_of_row, entities),
    )
    step = max(1, chunk_samples // rows.values.shape[1])
    for start in range(0, len(time_ns), step):
        part = slice(start, start + step)
        present = finite[part]
        row = np.nonzero(present)[0]
        yield DataChunk(
            file,
            SampleColumns(
                rows.series_ids, rows.series[part][present], rows.time_ns[part][row], rows.values[part][present]
            ),
        )


def _rows(
    table: pa.Table, time_ns: NDArray[np.int64], path: Path, rule: EntityRule
) -> tuple[_Rows, NDArray[np.int64], list[str]]:
    """Rows in time order; and, in the file's own order, the entity number of each row with the entities' names."""
    long = dt.METRIC in table.column_names and dt.VALUE in table.column_names
    reserved = {dt.TIMESTAMP, dt.LABEL, dt.PART} | ({dt.METRIC, dt.VALUE} if long else set())
    others = [name for name in table.column_names if name not in reserved]
    entity_labels = rule.service_labels + rule.instance_labels
    if long:
        names = others  # every further column of a long file is a label
        metric_columns = [dt.VALUE]
    else:
        names = dt.label_names(table, others, entity_labels, path)
        metric_columns = [name for name in others if name not in names]
    if not metric_columns:
        raise Misconfigured(f"{path}: no metrics: neither numeric columns nor the columns 'metric' and 'value'")
    set_of_row, sets = dt.label_sets(table, names)
    stem = path.name[: -len(next(suffix for suffix in dt.SUFFIXES[::-1] if path.name.endswith(suffix)))]
    sets = [s if any(s.get(n) for n in entity_labels) else {rule.service_labels[0]: stem, **s} for s in sets]
    metric_of_row, metrics = dt.encode(table, dt.METRIC) if long else (None, metric_columns)
    clean = _clean_metrics(metrics, path)
    # series number = label set x metric; for long files only those that occur
    if metric_of_row is None:
        numbers = (set_of_row[:, None] * len(clean) + np.arange(len(clean))).astype(np.int32)
        used = np.arange(len(sets) * len(clean))
    else:
        used, inverse = np.unique(set_of_row * len(clean) + metric_of_row, return_inverse=True)
        numbers = inverse.astype(np.int32)[:, None]
    series_ids = [format_series(clean[n % len(clean)], sets[n // len(clean)]) for n in used.tolist()]
    values = np.column_stack([dt.numbers(table, name, path) for name in metric_columns])
    identities = [rule.identify(format_series("m", labels)).entity for labels in sets]
    entities = sorted(set(identities))
    entity_of_row = np.array([entities.index(entity) for entity in identities], np.int64)[set_of_row]
    order = slice(None) if (np.diff(time_ns) >= 0).all() else np.argsort(time_ns, kind="stable")
    return _Rows(time_ns[order], numbers[order], values[order], series_ids), entity_of_row, entities


def _clean_metrics(metrics: list[str], path: Path) -> list[str]:
    clean = [dt.clean_name(name) for name in metrics]
    taken: dict[str, str] = {}
    for name, short in zip(metrics, clean, strict=True):
        if taken.setdefault(short, name) != name:
            raise Misconfigured(f"{path}: metrics {taken[short]!r} and {name!r} would both be named {short!r}")
    return clean


def _windows(
    time_ns: NDArray[np.int64], flags: NDArray[np.bool_], entity_of_row: NDArray[np.int64], entities: list[str]
) -> Iterator[LabelWindow]:
    """Runs of marked times per entity; a time is marked where any of its rows is."""
    for number, entity in enumerate(entities):
        of_entity = entity_of_row == number
        times, inverse = np.unique(time_ns[of_entity], return_inverse=True)
        marked = np.zeros(len(times) + 2, np.int8)
        np.maximum.at(marked, inverse + 1, flags[of_entity].astype(np.int8))
        edges = np.diff(marked)
        for first, after in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
            yield LabelWindow(entity, int(times[first]), int(times[after - 1]))


def _scored_from(
    time_ns: NDArray[np.int64], scored: NDArray[np.bool_], entity_of_row: NDArray[np.int64], entities: list[str]
) -> dict[str, int]:
    starts = {}
    for number, entity in enumerate(entities):
        times = time_ns[scored & (entity_of_row == number)]
        if len(times):
            starts[entity] = int(times.min())
    return starts


def read_labels(path: Path) -> list[LabelWindow]:
    """Abnormal time ranges of a CSV with `entity,start,end` (RFC 3339 or epoch, ends included).

    Raises:
        Misconfigured: naming file, line and column.
    """
    windows = []
    for row, cells in enumerate(dt.read_rows(path, LABEL_COLUMNS)):
        bounds = []
        for name in ("start", "end"):
            text = cells[name] or ""
            try:
                bounds.append(event_time_ns(float(text) if text.replace(".", "", 1).isdigit() else text))
            except Rejected as error:
                raise Misconfigured(f"{path}: line {row + 2}, column {name!r}: {error.detail}") from error
        if bounds[1] < bounds[0]:
            raise Misconfigured(f"{path}: line {row + 2}: the window ends before it starts")
        windows.append(LabelWindow(cells["entity"] or "", bounds[0], bounds[1]))
    return windows
