"""Parquet files of the lake: where they lie, what is in them, and that a file with a name is complete.

pyarrow is imported at the first write or read, not with this module: it costs 31 MB of resident memory, and only roles
that touch the lake should pay for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from models.error_causes import ErrorCause, of_errno
from models.errors import Rejected, Unavailable
from models.reasons import RejectReason

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS: Final = ["series_id", "entity", "metric", "source"]
"""Columns of few distinct values. Left to itself Parquet looks for repetitions in the others, too: twice the time and
half as many bytes again."""

RISING: Final = ["event_time", "source_offset"]
"""Columns whose neighbours are close: their differences are written."""


@dataclass(slots=True)
class Part:
    """Samples read from some files; one entry a sample in every array."""

    series: NDArray[np.int32]
    event_time_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    source: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @staticmethod
    def concatenate(parts: list[Part]) -> Part:
        return Part(
            np.concatenate([p.series for p in parts] or [np.empty(0, np.int32)]),
            np.concatenate([p.event_time_ns for p in parts] or [np.empty(0, np.int64)]),
            np.concatenate([p.values for p in parts] or [np.empty(0)]),
            np.concatenate([p.source for p in parts] or [np.empty(0, np.int32)]),
            np.concatenate([p.offsets for p in parts] or [np.empty(0, np.int64)]),
        )

    def take(self, rows: NDArray[Any]) -> Part:
        return Part(
            self.series[rows], self.event_time_ns[rows], self.values[rows], self.source[rows], self.offsets[rows]
        )


def deduplicate(part: Part) -> Part:
    """The first of each (series, event time) by source and offset."""
    order = np.lexsort((part.offsets, part.source, part.event_time_ns, part.series))
    series, times = part.series[order], part.event_time_ns[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(series) != 0) | (np.diff(times) != 0)
    return part.take(order[first])


def read_files(
    files: list[Path], interned: dict[str, int], sources: dict[str, int], span_ns: tuple[int, int] | None
) -> Part:
    """Samples of the files, those inside the span `[from, to)` only where one is given.

    `interned` (series) and `sources` grow by what is new; the part's `series` and `source` index them, sources in the
    order of their names.
    """
    parts = []
    for file in files:
        table = _open(file, ["series_id", "event_time", "value", "source", "source_offset"])
        times = table["event_time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        part = Part(
            _codes(table["series_id"], interned),
            times,
            table["value"].to_numpy(),
            _codes(table["source"], sources),
            table["source_offset"].to_numpy(),
        )
        if span_ns is not None:
            part = part.take((times >= span_ns[0]) & (times < span_ns[1]))
        parts.append(part)
    # sources are ordered by their text, not by which file came first, so that "the first" does not hang on file names
    rank = np.argsort(np.argsort(np.array(list(sources), dtype=object))).astype(np.int32)
    merged = Part.concatenate(parts)
    if len(rank):
        merged.source = rank[merged.source]
        ranked = sorted(sources)
        sources.clear()
        sources.update({text: number for number, text in enumerate(ranked)})
    return merged


def _codes(column: pa.ChunkedArray, interned: dict[str, int]) -> NDArray[np.int32]:
    """A dictionary column as indices into `interned`, which grows by what is new."""
    chunks = []
    for chunk in column.chunks:
        translate = np.fromiter(
            (interned.setdefault(text, len(interned)) for text in chunk.dictionary.to_pylist()), np.int32
        )
        chunks.append(translate[chunk.indices.to_numpy()])
    return np.concatenate(chunks or [np.empty(0, np.int32)])


def newest_event_ns(files: list[Path]) -> int | None:
    """Newest event time in the files by their statistics, nanoseconds; None where there is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    newest: int | None = None
    for file in files:
        try:
            metadata = pq.read_metadata(file)
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise Unavailable("lake", f"{file}: {error}") from error
        column = metadata.schema.names.index("event_time")
        for group in range(metadata.num_row_groups):
            found = int(metadata.row_group(group).column(column).statistics.max_raw)
            newest = found if newest is None else max(newest, found)
    return newest


def identity_columns(files: list[Path]) -> dict[str, tuple[str, str]]:
    """(entity, metric) of every series in the files, as they were written."""
    identities: dict[str, tuple[str, str]] = {}
    for file in files:
        distinct = (
            _open(file, ["series_id", "entity", "metric"]).group_by(["series_id", "entity", "metric"]).aggregate([])
        )
        for row in distinct.to_pylist():
            identities.setdefault(row["series_id"], (row["entity"], row["metric"]))
    return identities


def make_table(
    *,
    series_id: tuple[list[str], NDArray[Any]],
    entity: tuple[list[str], NDArray[Any]],
    metric: tuple[list[str], NDArray[Any]],
    source: tuple[list[str], NDArray[Any]],
    event_time: NDArray[np.int64],
    value: NDArray[np.float64],
    source_offset: NDArray[np.int64],
) -> pa.Table:
    """The columns of a file; texts come as (distinct texts, code of each sample).

    Arrays are made of their buffers: `pa.array` looks whether it has been given something of pandas', and imports
    pandas for that, which is 40 MB in every worker that writes to the lake.
    """
    import pyarrow as pa

    # Arrow's own pool keeps 15 MB of what it has had; the worker hands back what the system's has free
    pa.set_memory_pool(pa.system_memory_pool())
    columns = {
        "series_id": _dictionary(*series_id),
        "entity": _dictionary(*entity),
        "metric": _dictionary(*metric),
        "event_time": _plain(event_time, np.int64, pa.timestamp("ns", tz="UTC")),
        "value": _plain(value, np.float64, pa.float64()),
        "source": _dictionary(*source),
        "source_offset": _plain(source_offset, np.int64, pa.int64()),
    }
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _plain(values: NDArray[Any], dtype: type[np.generic], kind: pa.DataType) -> pa.Array:
    """Numbers without missing ones, as an Arrow array of a type that has the same bytes."""
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values, dtype))])


def _dictionary(texts: list[str], codes: NDArray[Any]) -> pa.DictionaryArray:
    import pyarrow as pa

    joined = "".join(texts)
    # a text of ASCII has as many bytes as characters, so that most need not become bytes one by one
    lengths = map(len, texts) if joined.isascii() else (len(text.encode()) for text in texts)
    ends = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(np.fromiter(lengths, np.int32, len(texts)), out=ends[1:])
    distinct = pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(joined.encode()))
    return pa.DictionaryArray.from_arrays(_plain(codes, np.int32, pa.int32()), distinct)


def write_file(table: pa.Table, folder: Path, name: str) -> Path:
    """Write a file, complete and on disk once it has its name.

    Raises:
        Unavailable: the file system refuses for now.
        Rejected: it can't have such a file (`unstorable`).
        OSError, pa.ArrowException: ours to mend.
    """
    import pyarrow.parquet as pq

    file, temporary = folder / name, folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as out:
            pq.write_table(
                table,
                out,
                compression="zstd",
                use_dictionary=TEXTS,
                column_encoding=dict.fromkeys(RISING, "DELTA_BINARY_PACKED"),
                write_statistics=["event_time"],  # `newest_event_ns` looks at these
            )
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
        _fsync_folder(folder)
    except OSError as error:
        cause = of_errno(error.errno)
        if cause is ErrorCause.OURS:
            raise
        if cause is ErrorCause.DATA:
            raise Rejected(RejectReason.UNSTORABLE, f"{error.strerror}: {file.name}") from error
        raise Unavailable("lake", f"{file}: {error}") from error
    return file


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(file: Path, columns: list[str]) -> pa.Table:
    """A file's columns; raises FileNotFoundError where it is gone and `Unavailable` where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, read_dictionary=TEXTS).read(columns)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise Unavailable("lake", f"{file}: {error}") from error


def list_files(folder: Path) -> list[Path]:
    """Complete files of a folder, sorted; temporary names start with a dot and are left out."""
    try:
        return sorted(p for p in folder.glob("*.parquet") if not p.name.startswith("."))
    except OSError as error:
        raise Unavailable("lake", f"{folder}: {error}") from error


def day_folder(path: Path, service: str, day: str) -> Path:
    return path / f"service={quote(service, safe='')}" / f"day={day}"


def day_text(day: int) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()
