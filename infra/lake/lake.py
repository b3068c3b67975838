"""The lake: every accepted sample as Parquet files in `<lake>/service=<service>/day=<YYYY-MM-DD>/`.

The writer runs inside ingest and is at-least-once. A file's name is the source partition with the first and last source
offset it holds: a repeat of the same range overwrites the same file, a repeat with another range writes an overlapping
one. The reader drops what it has seen: the sample with the lowest source offset of a (series, event time) counts, as in
the pipeline.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from infra.lake.files import (
    Part,
    day_folder,
    day_text,
    deduplicate,
    identity_columns,
    list_files,
    make_table,
    newest_event_ns,
    read_files,
    write_file,
)
from models.errors import Rejected, Unavailable
from models.records import SampleColumns, distinct, with_room
from models.series import EntityRule, Owner, SeriesBook
from models.timestamps import DAY_NS

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


MAX_KNOWN: Final = 200_000
"""Series the writer remembers from flush to flush, at 200 bytes each, texts that others have too not counted."""

COMPACT_FROM_FILES: Final = 64
"""With two levels a day has at most about 3 times as many files, opened in about 1 ms each; 17,000 without."""

COMPACT_BYTES: Final = 32 * 1024 * 1024
"""Merged at once: about 3 million samples, 300 MB while they are sorted, in the trainer's worker."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._]+")
_LEVEL = "merged-"


@dataclass(slots=True)
class _Pending:
    """What one source partition has waiting, batch by batch; `series` are the writer's own codes."""

    series: list[NDArray[np.int64]]
    event_time_ns: list[NDArray[np.int64]]
    values: list[NDArray[np.float64]]
    offsets: list[NDArray[np.int64]]


class ParkedFile(NamedTuple):
    """Samples that the file system can't hold under their service's name; their records are in the source topic."""

    service: str
    source: str
    first_offset: int
    last_offset: int
    samples: int
    error: Rejected


class LakeWriter:
    """Collects samples and writes them as Parquet on `flush`; not thread-safe, one owner at a time.

    Memory is what the owner lets wait: it flushes when `rows` or its clock says so (`lake_flush_rows`, `lake_flush_s`).
    """

    def __init__(self, path: str | Path, entity_rule: EntityRule) -> None:
        self._path = Path(path)
        self._rule = entity_rule
        self._codes: dict[str, int] = {}
        self._texts: list[str] = []
        self._owners: list[Owner] = []
        self._book = SeriesBook()
        self._by_number = np.empty(0, np.int64)
        self._pending: dict[str, _Pending] = {}
        self.parked: list[ParkedFile] = []
        self.rows = 0

    def append(
        self,
        columns: SampleColumns,
        source: str,
        offsets: NDArray[np.int64],
        known: tuple[SeriesBook, NDArray[np.int32]] | None = None,
    ) -> None:
        """Remember samples until the next flush.

        Args:
            columns: samples of series that the entity rule knows; else `Rejected` is raised and nothing is kept.
            source: topic and partition they came from, `metrics:3`.
            offsets: int64 `(n_samples,)`, each sample's source offset.
            known: the columns' series by number, where they are in a book; else their texts tell what they are.
        """
        if len(columns) == 0:
            return
        if known is None:
            codes = np.array([self._code(text, None) for text in columns.series_ids], np.int64)
        else:
            codes = self._codes_of(*known)
        pending = self._pending.setdefault(source, _Pending([], [], [], []))
        pending.series.append(codes[columns.series])
        pending.event_time_ns.append(columns.event_time_ns)
        pending.values.append(columns.values)
        pending.offsets.append(offsets)
        self.rows += len(columns)

    def flush(self) -> list[Path]:
        """Write everything that waits; returns the files, complete and on disk.

        After an error all of it still waits, and the next flush writes it again under the same names. What can never be
        written is in `parked` afterwards.

        Raises:
            Unavailable: the lake cannot be written.
        """
        files: list[Path] = []
        self.parked = []
        for source, pending in self._pending.items():
            files.extend(self._write_source(source, pending))
        self._pending.clear()
        self.rows = 0
        if len(self._codes) > MAX_KNOWN:
            self._codes.clear()
            self._texts.clear()
            self._owners.clear()
            self._book = SeriesBook()
        return files

    def _codes_of(self, book: SeriesBook, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """The writer's own codes of series, by their numbers in a book."""
        if book is not self._book:
            self._book, self._by_number = book, np.empty(0, np.int64)
        self._by_number = with_room(self._by_number, len(book.texts))
        for number in numbers[self._by_number[numbers] < 0].tolist():
            self._by_number[number] = self._code(book.texts[number], book.owners[number])
        return self._by_number[numbers]

    def _code(self, series_id: str, owner: Owner | None) -> int:
        code = self._codes.get(series_id)
        if code is None:
            owner = owner or self._rule.identify(series_id).owner
            code = self._codes[series_id] = len(self._texts)
            self._texts.append(series_id)
            self._owners.append(owner)
        return code

    def _write_source(self, source: str, pending: _Pending) -> Iterator[Path]:
        series = np.concatenate(pending.series)
        times = np.concatenate(pending.event_time_ns)
        values = np.concatenate(pending.values)
        offsets = np.concatenate(pending.offsets)
        used, place = distinct(series, len(self._texts))
        names = [self._owners[code].service for code in used.tolist()]
        number = {name: n for n, name in enumerate(dict.fromkeys(names))}
        services, service = list(number), np.array([number[name] for name in names])[place]
        first, last = int(times.min() // DAY_NS), int(times.max() // DAY_NS)
        days, day = distinct(times // DAY_NS - first, last - first + 1)
        file = service * len(days) + day
        if len(services) * len(days) <= np.iinfo(np.int16).max:
            file = file.astype(np.int16)  # sorted in a third of the time
        order = np.argsort(file, kind="stable")  # arrival order within a file
        for rows in np.split(order, np.flatnonzero(np.diff(file[order])) + 1):
            folder = day_folder(self._path, services[service[rows[0]]], day_text(first + int(days[day[rows[0]]])))
            first_offset, last_offset = int(offsets[rows].min()), int(offsets[rows].max())
            name = f"{_UNSAFE.sub('-', source)}-{first_offset:020d}-{last_offset:020d}.parquet"
            table = self._table(series[rows], times[rows], values[rows], source, offsets[rows])
            try:
                yield write_file(table, folder, name)
            except Rejected as error:
                owner = services[service[rows[0]]]
                self.parked.append(ParkedFile(owner, source, first_offset, last_offset, len(rows), error))

    def _table(
        self,
        series: NDArray[np.int64],
        times: NDArray[np.int64],
        values: NDArray[np.float64],
        source: str,
        offsets: NDArray[np.int64],
    ) -> pa.Table:
        used, codes = distinct(series, len(self._texts))
        owners = [self._owners[code] for code in used.tolist()]
        return make_table(
            series_id=([self._texts[code] for code in used.tolist()], codes),
            entity=([owner.entity for owner in owners], codes),
            metric=([owner.metric for owner in owners], codes),
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

    def newest_ns(self, service: str) -> int | None:
        """Newest event time of a service, nanoseconds; None where it has no samples. Raises `Unavailable`."""
        days = sorted((self._path / f"service={quote(service, safe='')}").glob("day=*"), reverse=True)
        return next((newest for newest in map(_newest_of_folder, days) if newest is not None), None)

    def read(self, service: str, from_ns: int, to_ns: int, max_rows: int) -> SampleColumns:
        """Samples of `service` with `from_ns <= event time < to_ns`, by event time, each (series, event time) once.

        Where there are more than `max_rows`, the newest are returned; memory is bounded by `max_rows` and one day.

        Raises:
            Unavailable: the lake cannot be read.
        """
        parts: list[Part] = []
        rows = 0
        interned: dict[str, int] = {}
        for day in range((to_ns - 1) // DAY_NS, from_ns // DAY_NS - 1, -1):
            folder = day_folder(self._path, service, day_text(day))
            part = deduplicate(_read_folder(folder, interned, (from_ns, to_ns)))
            parts.append(part)
            rows += len(part.values)
            if rows >= max_rows:
                break
        merged = Part.concatenate(parts)
        order = np.argsort(merged.event_time_ns, kind="stable")[max(0, rows - max_rows) :]
        return SampleColumns(list(interned), merged.series[order], merged.event_time_ns[order], merged.values[order])


def compact(path: str | Path, service: str, day: date, from_files: int = COMPACT_FROM_FILES) -> int:
    """Merge small files of a service's day, without repeats; returns how many files it replaced.

    As written, files hold `lake_flush_s` of samples; `from_files` of them become one of the first level, as many of
    those one of the second. The merged file has its name before the first of its parts goes, so a reader always sees
    every sample, and a death in between leaves repeats, which readers drop. One compaction at a time.

    Raises:
        Unavailable: the lake cannot be read or written.
    """
    folder = day_folder(Path(path), service, day.isoformat())
    for level in (0, 1):
        files = [file for file in list_files(folder) if _level(file) == level]
        if len(files) >= from_files:
            files = _within(files, COMPACT_BYTES)
            # never a name that was used: what a crash repeats may be merged beside what it repeats
            _merge(folder, files, f"{_LEVEL}{level + 1}-{uuid.uuid4().hex}.parquet")
            return len(files)
    return 0


def crowded_days(path: str | Path, from_files: int = COMPACT_FROM_FILES) -> list[tuple[str, date]]:
    """(service, day) pairs that `compact` may find something to do in."""
    crowded = []
    for folder in sorted(Path(path).glob("service=*/day=*")):
        if len(list_files(folder)) >= from_files:
            service = unquote(folder.parent.name.removeprefix("service="))
            crowded.append((service, date.fromisoformat(folder.name.removeprefix("day="))))
    return crowded


def _level(file: Path) -> int:
    return int(file.name[len(_LEVEL)]) if file.name.startswith(_LEVEL) else 0


def _within(files: list[Path], limit_bytes: int) -> list[Path]:
    """The first files, at least two, that are no larger than the limit together."""
    size = 0
    for number, file in enumerate(files):
        size += file.stat().st_size
        if size > limit_bytes and number >= 2:
            return files[:number]
    return files


def _merge(folder: Path, files: list[Path], name: str) -> None:
    interned: dict[str, int] = {}
    sources: dict[str, int] = {}
    part = deduplicate(read_files(files, interned, sources, None))
    identities = identity_columns(files)
    table = make_table(
        series_id=(list(interned), part.series),
        entity=([identities[text][0] for text in interned], part.series),
        metric=([identities[text][1] for text in interned], part.series),
        source=(list(sources), part.source),
        event_time=part.event_time_ns,
        value=part.values,
        source_offset=part.offsets,
    )
    write_file(table, folder, name)
    try:
        for file in files:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable("lake", f"{folder}: {error}") from error


def _newest_of_folder(folder: Path) -> int | None:
    return _while_compacted(folder, newest_event_ns)


def _read_folder(folder: Path, interned: dict[str, int], span_ns: tuple[int, int] | None) -> Part:
    """Every sample of a day's folder; `interned` grows by what is new."""

    def read(files: list[Path]) -> tuple[Part, dict[str, int]]:
        texts = dict(interned)
        return read_files(files, texts, {}, span_ns), texts

    part, texts = _while_compacted(folder, read)
    interned.update(texts)
    return part


def _while_compacted(folder: Path, look: Callable[[list[Path]], T]) -> T:
    """What `look` makes of a folder's files; listed again where a compaction took one away meanwhile."""
    for _ in range(5):
        try:
            return look(list_files(folder))
        except FileNotFoundError:
            continue
    raise Unavailable("lake", f"{folder} keeps changing while it is read")
