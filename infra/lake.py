"""The lake: every accepted sample as Parquet, `<lake>/service=<service>/day=<YYYY-MM-DD>/<source>-<first>-<last>.parquet`.

The writer runs inside ingest and is at-least-once: a file is complete when it has its name (temporary name, fsync, rename,
fsync of the folder), and its name is the source partition with the first and last source offset it holds. A repeat of the
same range overwrites the same file; a repeat with another range writes an overlapping one. The reader drops what it has
seen: the sample with the lowest source offset of a (series, event time) counts, as in the pipeline.

pyarrow is imported at the first flush or read, not with this module: it costs 30 to 45 MB of resident memory, and only roles
that touch the lake should pay it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from models.errors import Unavailable
from models.records import SampleColumns
from models.series import EntityRule, SeriesIdentity

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

DAY_NS = 86_400 * 1_000_000_000
# identities kept by the writer between flushes; 200,000 texts of ~80 bytes and their labels stay under 100 MB
MAX_IDENTITIES = 200_000
# at this many files a day a read spends more time opening files (~1 ms each) than decoding a day of one-second samples
COMPACT_FROM_FILES = 64
_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_COMPACTED = "compacted"


@dataclass(slots=True)
class _Pending:
    """What one source partition has waiting: series codes of the writer, times, values and source offsets, batch by batch."""

    series: list[NDArray[np.int64]]
    event_time_ns: list[NDArray[np.int64]]
    values: list[NDArray[np.float64]]
    offsets: list[NDArray[np.int64]]


class LakeWriter:
    """Collects samples and writes them as Parquet on `flush`; not thread-safe, one owner at a time.

    Memory is what the owner lets wait: it flushes when `rows` or its clock says so (`lake_flush_rows`, `lake_flush_s`).
    """

    def __init__(self, path: str | Path, entity_rule: EntityRule) -> None:
        self._path = Path(path)
        self._rule = entity_rule
        self._codes: dict[str, int] = {}
        self._identities: list[tuple[str, SeriesIdentity]] = []
        self._pending: dict[str, _Pending] = {}
        self.rows = 0

    def append(self, columns: SampleColumns, source: str, offsets: NDArray[np.int64]) -> None:
        """Remember samples until the next flush.

        Args:
            columns: samples with series that the entity rule can identify; else `Rejected` is raised and nothing is kept.
            source: topic and partition they came from, `metrics:3`.
            offsets: int64 `(n_samples,)`, each sample's source offset.
        """
        if len(columns) == 0:
            return
        known = np.fromiter((self._code(text) for text in columns.series_ids), np.int64, len(columns.series_ids))
        pending = self._pending.setdefault(source, _Pending([], [], [], []))
        pending.series.append(known[columns.series])
        pending.event_time_ns.append(columns.event_time_ns)
        pending.values.append(columns.values)
        pending.offsets.append(offsets)
        self.rows += len(columns)

    def flush(self) -> list[Path]:
        """Write everything that waits; returns the files, complete and on disk.

        After an error all of it still waits, and the next flush writes it again under the same names.

        Raises:
            Unavailable: the lake cannot be written.
        """
        files: list[Path] = []
        for source, pending in self._pending.items():
            files.extend(self._write_source(source, pending))
        self._pending.clear()
        self.rows = 0
        if len(self._codes) > MAX_IDENTITIES:
            self._codes.clear()
            self._identities.clear()
        return files

    def _code(self, series_id: str) -> int:
        code = self._codes.get(series_id)
        if code is None:
            identity = self._rule.identify(series_id)
            code = self._codes[series_id] = len(self._identities)
            self._identities.append((series_id, identity))
        return code

    def _write_source(self, source: str, pending: _Pending) -> Iterator[Path]:
        series = np.concatenate(pending.series)
        times = np.concatenate(pending.event_time_ns)
        values = np.concatenate(pending.values)
        offsets = np.concatenate(pending.offsets)
        used, inverse = np.unique(series, return_inverse=True)
        services, service_of_used = np.unique([self._identities[code][1].service for code in used], return_inverse=True)
        service = service_of_used[inverse]
        day = times // DAY_NS
        order = np.lexsort((day, service))  # stable: arrival order within a file
        cuts = np.flatnonzero((np.diff(service[order]) != 0) | (np.diff(day[order]) != 0)) + 1
        for rows in np.split(order, cuts):
            folder = _folder(self._path, str(services[service[rows[0]]]), _day_text(int(day[rows[0]])))
            name = f"{_UNSAFE.sub('-', source)}-{offsets[rows].min():020d}-{offsets[rows].max():020d}.parquet"
            table = self._table(series[rows], times[rows], values[rows], source, offsets[rows])
            yield _write(table, folder, name)

    def _table(
        self,
        series: NDArray[np.int64],
        times: NDArray[np.int64],
        values: NDArray[np.float64],
        source: str,
        offsets: NDArray[np.int64],
    ) -> pa.Table:
        used, codes = np.unique(series, return_inverse=True)
        owners = [self._identities[code] for code in used]
        return _table(
            series_id=([text for text, _ in owners], codes),
            entity=([identity.entity for _, identity in owners], codes),
            metric=([identity.metric for _, identity in owners], codes),
            source=([source], np.zeros(len(series), dtype=np.int64)),
            event_time=times,
            value=values,
            source_offset=offsets,
        )


class LakeReader:
    """Reads what writers left; several readers and writers may work at once."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def services(self) -> list[str]:
        """Services that have samples in the lake, sorted."""
        return sorted(unquote(p.name.removeprefix("service=")) for p in self._path.glob("service=*"))

    def read(self, service: str, from_ns: int, to_ns: int, max_rows: int) -> SampleColumns:
        """Samples of `service` with `from_ns <= event time < to_ns`, each (series, event time) once, ordered by event time.

        Where there are more than `max_rows`, the newest are returned; memory is bounded by `max_rows` and one day.

        Raises:
            Unavailable: the lake cannot be read.
        """
        parts: list[_Part] = []
        rows = 0
        interned: dict[str, int] = {}
        for day in range((to_ns - 1) // DAY_NS, from_ns // DAY_NS - 1, -1):
            folder = _folder(self._path, service, _day_text(day))
            part = _deduplicate(_read_folder(folder, interned, from_ns, to_ns))
            parts.append(part)
            rows += len(part.values)
            if rows >= max_rows:
                break
        merged = _Part.concatenate(parts)
        order = np.argsort(merged.event_time_ns, kind="stable")[max(0, rows - max_rows) :]
        return SampleColumns(
            list(interned), merged.series[order], merged.event_time_ns[order], merged.values[order]
        )


def compact(path: str | Path, service: str, day: date) -> int:
    """Merge a day's files of a service into one without repeats; returns how many files it replaced.

    The merged file has its name before the first input goes, so a reader sees every sample at least once at any time and a
    death in between leaves repeats, which readers drop. One compaction a folder at a time, please: the trainer does it.

    Raises:
        Unavailable: the lake cannot be read or written.
    """
    folder = _folder(Path(path), service, day.isoformat())
    files = _files(folder)
    if len(files) < 2:
        return 0
    interned: dict[str, int] = {}
    sources: dict[str, int] = {}
    part = _deduplicate(_read_files(files, interned, sources, None, None))
    identities = _identity_columns(files)
    texts = list(interned)
    table = _table(
        series_id=(texts, part.series),
        entity=([identities[text][0] for text in texts], part.series),
        metric=([identities[text][1] for text in texts], part.series),
        source=(list(sources), part.source),
        event_time=part.event_time_ns,
        value=part.values,
        source_offset=part.offsets,
    )
    merged = _write(table, folder, f"{_COMPACTED}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.parquet")
    try:
        for file in files:
            if file != merged:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable("lake", f"{folder}: {error}") from error
    return len(files)


def crowded_days(path: str | Path, from_files: int = COMPACT_FROM_FILES) -> list[tuple[str, date]]:
    """(service, day) pairs with at least `from_files` files: what is worth compacting."""
    crowded = []
    for folder in sorted(Path(path).glob("service=*/day=*")):
        if len(_files(folder)) >= from_files:
            service = unquote(folder.parent.name.removeprefix("service="))
            crowded.append((service, date.fromisoformat(folder.name.removeprefix("day="))))
    return crowded


@dataclass(slots=True)
class _Part:
    """Samples read from some files; one entry a sample in every array."""

    series: NDArray[np.int32]
    event_time_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    source: NDArray[np.int32]
    offsets: NDArray[np.int64]

    @staticmethod
    def concatenate(parts: list[_Part]) -> _Part:
        return _Part(
            np.concatenate([p.series for p in parts] or [np.empty(0, np.int32)]),
            np.concatenate([p.event_time_ns for p in parts] or [np.empty(0, np.int64)]),
            np.concatenate([p.values for p in parts] or [np.empty(0)]),
            np.concatenate([p.source for p in parts] or [np.empty(0, np.int32)]),
            np.concatenate([p.offsets for p in parts] or [np.empty(0, np.int64)]),
        )

    def take(self, rows: NDArray[Any]) -> _Part:
        return _Part(
            self.series[rows], self.event_time_ns[rows], self.values[rows], self.source[rows], self.offsets[rows]
        )


def _deduplicate(part: _Part) -> _Part:
    """The first of each (series, event time) by source and offset."""
    order = np.lexsort((part.offsets, part.source, part.event_time_ns, part.series))
    series, times = part.series[order], part.event_time_ns[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(series) != 0) | (np.diff(times) != 0)
    return part.take(order[first])


def _read_folder(folder: Path, interned: dict[str, int], from_ns: int, to_ns: int) -> _Part:
    """Every sample of a day's folder; listed again where a compaction took a file away while it was being read."""
    for _ in range(5):
        texts, sources = dict(interned), dict[str, int]()
        try:
            part = _read_files(_files(folder), texts, sources, from_ns, to_ns)
        except FileNotFoundError:
            continue
        interned.update(texts)
        return part
    raise Unavailable("lake", f"{folder} keeps changing while it is read")


def _read_files(
    files: list[Path], interned: dict[str, int], sources: dict[str, int], from_ns: int | None, to_ns: int | None
) -> _Part:
    parts = []
    for file in files:
        table = _open(file, ["series_id", "event_time", "value", "source", "source_offset"])
        times = table["event_time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
        part = _Part(
            _codes(table["series_id"], interned),
            times,
            table["value"].to_numpy(),
            _codes(table["source"], sources),
            table["source_offset"].to_numpy(),
        )
        if from_ns is not None and to_ns is not None:
            part = part.take((times >= from_ns) & (times < to_ns))
        parts.append(part)
    # sources are ordered by their text, not by which file came first, so that "the first" does not hang on file names
    rank = np.argsort(np.argsort(np.array(list(sources), dtype=object))).astype(np.int32)
    merged = _Part.concatenate(parts)
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


def _identity_columns(files: list[Path]) -> dict[str, tuple[str, str]]:
    identities: dict[str, tuple[str, str]] = {}
    for file in files:
        distinct = _open(file, ["series_id", "entity", "metric"]).group_by(["series_id", "entity", "metric"]).aggregate([])
        for row in distinct.to_pylist():
            identities.setdefault(row["series_id"], (row["entity"], row["metric"]))
    return identities


def _table(
    *,
    series_id: tuple[list[str], NDArray[Any]],
    entity: tuple[list[str], NDArray[Any]],
    metric: tuple[list[str], NDArray[Any]],
    source: tuple[list[str], NDArray[Any]],
    event_time: NDArray[np.int64],
    value: NDArray[np.float64],
    source_offset: NDArray[np.int64],
) -> pa.Table:
    import pyarrow as pa

    def dictionary(column: tuple[list[str], NDArray[Any]]) -> pa.DictionaryArray:
        texts, codes = column
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(texts, pa.string()))

    return pa.table(
        {
            "series_id": dictionary(series_id),
            "entity": dictionary(entity),
            "metric": dictionary(metric),
            "event_time": pa.array(event_time, pa.int64()).cast(pa.timestamp("ns", tz="UTC")),
            "value": pa.array(value, pa.float64()),
            "source": dictionary(source),
            "source_offset": pa.array(source_offset, pa.int64()),
        }
    )


def _write(table: pa.Table, folder: Path, name: str) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file, temporary = folder / name, folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as out:
            pq.write_table(table, out, compression="zstd")
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
        _fsync_folder(folder)
    except (OSError, pa.ArrowException) as error:
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
        return pq.ParquetFile(file, read_dictionary=["series_id", "entity", "metric", "source"]).read(columns)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise Unavailable("lake", f"{file}: {error}") from error


def _files(folder: Path) -> list[Path]:
    """Complete files of a folder, sorted; temporary names start with a dot and are left out."""
    try:
        return sorted(p for p in folder.glob("*.parquet") if not p.name.startswith("."))
    except OSError as error:
        raise Unavailable("lake", f"{folder}: {error}") from error


def _folder(path: Path, service: str, day: str) -> Path:
    return path / f"service={quote(service, safe='')}" / f"day={day}"


def _day_text(day: int) -> str:
    return date.fromordinal(date(1970, 1, 1).toordinal() + day).isoformat()
