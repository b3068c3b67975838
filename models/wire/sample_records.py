"""Columns of samples to records of the `samples` topic and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import Rejected
from models.limits import MAX_SAMPLES_BYTES, SAMPLE_BYTES
from models.records import SampleColumns, SampleRecord, distinct
from models.series import parse_series

MAX_SAMPLES: Final = 50_000
"""Samples of one record: 28 bytes each, and usually 100 to 150 for the name of each series. Where names are longer,
`MAX_SAMPLES_BYTES` cuts earlier, so that a record stays under the topic's 16 MiB even where it does not compress."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SampleRecord)


def encode(
    columns: SampleColumns,
    partitions: NDArray[np.int64],
    offsets: NDArray[np.int64],
    source: str,
    seen_at_ns: int,
) -> Iterator[tuple[int, bytes]]:
    """Records for each `samples` partition that has samples, as (partition, value), in order within a partition.

    Args:
        columns: samples of one micro-batch; their order within a partition is kept.
        partitions: int64 `(n_series,)`, of each of the columns' series.
        offsets: int64 `(n_samples,)`, source offset of each sample, not falling.
        source: topic and partition they came from.
    """
    if len(columns) == 0:
        return
    targets = partitions[columns.series]
    most = _most_samples(columns)
    for target in np.unique(targets).tolist():
        rows = np.flatnonzero(targets == target)
        for part in _chunks(rows, offsets, most):
            yield target, _encode(columns, offsets, source, seen_at_ns, part)


def _most_samples(columns: SampleColumns) -> int:
    """Samples that one record may have: fewer where names are so long that they alone would fill it."""
    names_bytes = sum(map(len, columns.series_ids))
    if 4 * names_bytes + SAMPLE_BYTES * len(columns) <= MAX_SAMPLES_BYTES:  # UTF-8 has at most 4 bytes a character
        return MAX_SAMPLES
    longest = max(len(text.encode()) for text in columns.series_ids)
    return max(1, min(MAX_SAMPLES, MAX_SAMPLES_BYTES // (SAMPLE_BYTES + longest)))


def _chunks(rows: NDArray[np.intp], offsets: NDArray[np.int64], most: int) -> Iterator[NDArray[np.intp]]:
    """Parts of at most `most` samples, cut where the source offset changes: readers skip whole offsets they know."""
    start = 0
    while len(rows) - start > most:
        cut = int(np.searchsorted(offsets[rows], offsets[rows[start + most]]))
        if cut <= start:  # one source record holds more; it may not be cut
            cut = int(np.searchsorted(offsets[rows], offsets[rows[start]], side="right"))
        yield rows[start:cut]
        start = cut
    if start < len(rows):
        yield rows[start:]


def _encode(
    columns: SampleColumns, offsets: NDArray[np.int64], source: str, seen_at_ns: int, rows: NDArray[np.intp]
) -> bytes:
    used, local = distinct(columns.series[rows], len(columns.series_ids))
    record = SampleRecord(
        source=source,
        seen_at_ns=seen_at_ns,
        series_ids=[columns.series_ids[number] for number in used.tolist()],
        series=local.astype("<i4", copy=False).tobytes(),
        event_time_ns=columns.event_time_ns[rows].astype("<i8", copy=False).tobytes(),
        values=columns.values[rows].astype("<f8", copy=False).tobytes(),
        offsets=offsets[rows].astype("<i8", copy=False).tobytes(),
    )
    return _encoder.encode(record)


def halved(value: bytes) -> list[bytes]:
    """Two records of `samples` with the samples of one, in order; none where all of them have one source offset."""
    whole = decode(value)
    offsets = whole.offsets
    cuts = np.flatnonzero(np.diff(offsets)) + 1
    if len(cuts) == 0:
        return []
    cut = int(cuts[np.argmin(np.abs(cuts - len(offsets) // 2))])
    rows = np.arange(len(offsets), dtype=np.intp)
    return [_encode(whole.columns, offsets, whole.source, whole.seen_at_ns, part) for part in (rows[:cut], rows[cut:])]


@dataclass(frozen=True, slots=True)
class Decoded:
    """One record of the `samples` topic as arrays, entry by entry of one length.

    Attributes:
        source: topic and partition the samples came from.
        seen_at_ns: broker's time of the newest source record.
        columns: the samples.
        offsets: int64 `(n_samples,)`, their offsets in the source partition.
    """

    source: str
    seen_at_ns: int
    columns: SampleColumns
    offsets: NDArray[np.int64]

    def after(self, offset: int) -> Decoded:
        """Only the samples with a source offset above `offset`."""
        keep = self.offsets > offset
        if keep.all():
            return self
        columns = SampleColumns(
            self.columns.series_ids,
            self.columns.series[keep],
            self.columns.event_time_ns[keep],
            self.columns.values[keep],
        )
        return Decoded(self.source, self.seen_at_ns, columns, self.offsets[keep])


def decode(value: bytes) -> Decoded:
    """Arrays of a record's value; raises `msgspec.DecodeError` or `ValueError` where it is not one of ours."""
    record = _decoder.decode(value)
    columns = SampleColumns(
        record.series_ids,
        np.frombuffer(record.series, "<i4"),
        np.frombuffer(record.event_time_ns, "<i8"),
        np.frombuffer(record.values, "<f8"),
    )
    offsets = np.frombuffer(record.offsets, "<i8")
    if not len(columns.series) == len(columns.event_time_ns) == len(columns.values) == len(offsets):
        raise ValueError("the columns of a samples record differ in length")
    if len(columns.series) and not 0 <= columns.series.min() <= columns.series.max() < len(columns.series_ids):
        raise ValueError("a samples record refers to a series that it does not name")
    return Decoded(record.source, record.seen_at_ns, columns, offsets)


def with_identity(columns: SampleColumns) -> SampleColumns:
    """Only the samples whose series text is a series."""
    good = np.fromiter(map(_is_series, columns.series_ids), np.bool_, len(columns.series_ids))
    keep = good[columns.series]
    number = np.cumsum(good) - 1
    return SampleColumns(
        [text for text, is_series in zip(columns.series_ids, good.tolist(), strict=True) if is_series],
        number[columns.series[keep]].astype(np.int32),
        columns.event_time_ns[keep],
        columns.values[keep],
    )


def _is_series(text: str) -> bool:
    try:
        parse_series(text)
    except Rejected:
        return False
    return True
