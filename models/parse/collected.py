"""Where every format puts its samples and rejects, sample by sample, until they become columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import Rejected
from models.limits import MAX_MAGNITUDE, MAX_SAMPLES_BYTES, SAMPLE_BYTES
from models.parse.event_time import EventTimes
from models.parse.fast.native_batch import Read
from models.parse.known_series import KnownSeries, SeriesKey
from models.parse.outcome import Limits, Parsed, Reject
from models.reasons import RejectReason
from models.records import SampleColumns, distinct
from models.series import MetricKind
from models.timestamps import SECOND_NS, to_rfc3339

_MAX_DETAIL = 200
_TOO_MUCH = Rejected(RejectReason.TOO_LARGE, f"its samples take more than {MAX_SAMPLES_BYTES} bytes")


class Collected:
    """Samples and rejects of one parse call; `series` holds the numbers of `KnownSeries`."""

    def __init__(self, known: KnownSeries) -> None:
        self.known = known
        self.times = EventTimes()
        self.series: list[int] = []
        self.event_time_ns: list[int] = []
        self.values: list[float] = []
        self.record: list[int] = []
        self.empty = 0
        self._growing, self._grown_bytes = -1, 0
        self.rejected_records: dict[tuple[int, RejectReason], Reject] = {}

    def add(
        self, record: int, key: SeriesKey, value: float, time_ns: int, kind: MetricKind = MetricKind.UNKNOWN
    ) -> None:
        """Take one sample; a series that is not allowed becomes a reject."""
        number = self.known.numbers.get(key)
        if number is None:
            try:
                number = self.known.learn(key, kind)
            except Rejected as error:
                self.reject(record, error)
                return
        if not self._has_room(record, number):
            self.reject(record, _TOO_MUCH)
            return
        self.series.append(number)
        self.event_time_ns.append(time_ns)
        self.values.append(value)
        self.record.append(record)

    def _has_room(self, record: int, number: int) -> bool:
        """Whether the samples of a record, which come one after the other, still fit into one record of `samples`."""
        if record != self._growing:
            self._growing, self._grown_bytes = record, 0
        text = self.known.book.texts[number]
        self._grown_bytes += SAMPLE_BYTES + (len(text) if text.isascii() else len(text.encode()))
        return self._grown_bytes <= MAX_SAMPLES_BYTES

    def time_ns(self, timestamp: int | float | str | None, record_time_ns: int) -> int:
        """Event time of a sample; None means the record's own; raises `Rejected`."""
        return record_time_ns if timestamp is None else self.times.read(timestamp)

    def reject(self, record: int, error: Rejected) -> None:
        """Note a refused sample, together with earlier ones of the same record and reason."""
        slot = (record, error.reason)
        known = self.rejected_records.get(slot)
        if known is None:
            self.rejected_records[slot] = Reject(record, error.reason, error.detail[:_MAX_DETAIL])
        else:
            self.rejected_records[slot] = known._replace(samples=known.samples + 1)

    @property
    def seen(self) -> int:
        """How many samples and rejects there are; unchanged by a record means that it was empty."""
        return len(self.record) + len(self.rejected_records)

    def finish(
        self, limits: Limits, record_time_ns: NDArray[np.int64], seen_at_ns: int | None, read: Sequence[Read]
    ) -> Parsed:
        """Columns of what was collected and what was read at once, in the records' order, without the samples whose
        value or time is out of bounds."""
        record, series, times, values = self._in_order(read)
        own = record_time_ns[record]
        # differences could overflow for absurd times, comparisons with a bound cannot: record times are sane
        newest = (own if seen_at_ns is None else np.int64(seen_at_ns)) + np.int64(limits.max_future_s * SECOND_NS)
        oldest = own - np.int64(limits.max_age_s * SECOND_NS)
        bounded = np.abs(values) <= MAX_MAGNITUDE  # NaN is not
        good = bounded & (times <= newest) & (times >= oldest)
        if not good.all():
            for sample in np.flatnonzero(~good).tolist():
                series_id = self.known.book.texts[series[sample]][:100]
                if not bounded[sample]:
                    finite = np.isfinite(values[sample])
                    reason = RejectReason.VALUE_TOO_LARGE if finite else RejectReason.NOT_FINITE
                    error = Rejected(reason, f"{series_id} is {values[sample]}")
                else:
                    old = times[sample] < oldest[sample]
                    reason = RejectReason.TOO_OLD if old else RejectReason.IN_THE_FUTURE
                    error = Rejected(reason, f"{series_id} at {to_rfc3339(int(times[sample]))}")
                self.reject(int(record[sample]), error)
            series, times, values, record = series[good], times[good], values[good], record[good]
        book = self.known.book
        used, renumbered = distinct(series, len(book.texts))
        numbers = used.tolist()
        self.known.seen(numbers)
        series_ids = [book.texts[number] for number in numbers]
        columns = SampleColumns(series_ids, renumbered, times, values)
        rejected = sorted(self.rejected_records.values(), key=lambda reject: reject.record)
        return Parsed(columns, book, used.astype(np.int32), record, rejected, self.empty, self.known.crowds.take())

    def _in_order(self, read: Sequence[Read]) -> Read:
        """Every sample in the order of records, and within a record as it is there."""
        by_reference = Read(
            np.array(self.record, np.int32),
            np.array(self.series, np.int32),
            np.array(self.event_time_ns, np.int64),
            np.array(self.values, np.float64),
        )
        parts = [part for part in (*read, by_reference) if len(part.record)] or [by_reference]
        if len(parts) == 1:
            return parts[0]
        record = np.concatenate([part.record for part in parts])
        order = np.argsort(record, kind="stable")
        return Read(
            record[order],
            np.concatenate([part.series for part in parts])[order],
            np.concatenate([part.time_ns for part in parts])[order],
            np.concatenate([part.value for part in parts])[order],
        )
