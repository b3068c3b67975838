"""Records of the `metrics` topic to columns of samples: formats are told per record; nothing in it raises."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import Rejected
from models.parse import envelope
from models.parse.collected import Collected
from models.parse.fast import native_sample as native_json
from models.parse.fast.native_batch import Read, read_batches
from models.parse.formats import (
    cloudwatch,
    influx,
    native,
    otlp_json,
    otlp_protobuf,
    prometheus_adapter,
    remote_write,
    telegraf,
)
from models.parse.json_text import DECODE_ERRORS, objects
from models.parse.known_series import KnownSeries
from models.parse.outcome import Limits, Parsed
from models.reasons import RejectReason
from models.series import EntityRule
from models.wire.byte_columns import ByteColumn

# Closed list, tried in this order on the names of a JSON object's members. A format is a module with
# `recognises(members)` and `read(body, members, record, record_time_ns, out)`.
JSON_FORMATS = (cloudwatch, native, prometheus_adapter, telegraf, otlp_json)


class Parser:
    """Parses micro-batches; remembers series between calls, so keep one per stream. Not thread-safe.

    >>> parser = Parser(Limits(), EntityRule(("service",), ("instance",), "host"))
    >>> parsed = parser.parse([b'{"metric":"up","value":1}', b"?"], [1_700_000_000_000_000_000] * 2)
    >>> parsed.columns.series_ids, parsed.columns.values.tolist(), parsed.rejected[0].reason.value
    (['up{}'], [1.0], 'unparsable')
    """

    def __init__(self, limits: Limits, entity_rule: EntityRule) -> None:
        self._limits = limits
        self.known = KnownSeries(limits, entity_rule)

    def parse(
        self, values: Sequence[bytes | None], record_time_ns: Sequence[int], seen_at_ns: int | None = None
    ) -> Parsed:
        """Samples and rejects of the records of one micro-batch. Never raises because of what is in a record.

        Args:
            values: raw record values, as Kafka delivered them, decompressed.
            record_time_ns: the records' own times, which stand in where a sample has none; age is measured from them.
            seen_at_ns: when the records were read. What lies in the future is measured from it; without it from the
                record's time, which is not safe where producers set that time themselves (Kafka's `CreateTime`).
        """
        return self.parse_column(ByteColumn.of(values), np.array(record_time_ns, np.int64), seen_at_ns)

    def parse_column(
        self, column: ByteColumn, record_time_ns: NDArray[np.int64], seen_at_ns: int | None = None
    ) -> Parsed:
        """As `parse`, of records that lie in one buffer.

        Args:
            record_time_ns: int64 `(n_records,)`.
        """
        if len(record_time_ns):
            self.known.begin(int(record_time_ns.max()) if seen_at_ns is None else seen_at_ns)
        out = Collected(self.known)
        # native samples of known series, the common case, at once; the rest one by one
        quick = native_json.read(column, record_time_ns, self._limits.max_record_bytes, self.known.raw_keys.table)
        rest, read = np.flatnonzero(quick.state == native_json.NOT_READ), [_taken(quick)]
        if len(rest):
            limit, keys = self._limits.max_record_bytes, self.known.raw_keys.table
            read.append(read_batches(column, rest, record_time_ns, limit, keys))
            rest = rest[~np.isin(rest, read[-1].record)]
        self._read_rest(column, rest, record_time_ns, out)
        return out.finish(self._limits, record_time_ns, seen_at_ns, read)

    def _read_rest(
        self, column: ByteColumn, rest: NDArray[np.int64], record_time_ns: NDArray[np.int64], out: Collected
    ) -> None:
        """Native single samples inline; what is not one, or not a good one, takes the long way."""
        limit = self._limits.max_record_bytes
        for record, own_time_ns in zip(rest.tolist(), record_time_ns[rest].tolist(), strict=True):
            value = column.at(record)
            try:
                if value is None or len(value) > limit:
                    raise _unfit(value, limit)
                sample = native.decode_sample(value)
                time_ns = out.time_ns(sample.timestamp, own_time_ns)
            except (Rejected, *DECODE_ERRORS):
                self._read(value, record, own_time_ns, out)
            else:
                out.add(record, (sample.metric, bytes(sample.labels)), sample.value, time_ns)

    def _read(self, body: bytes | None, record: int, record_time_ns: int, out: Collected) -> None:
        """Any record: open it, tell the format, and let it read."""
        before = out.seen
        try:
            if body is None or len(body) > self._limits.max_record_bytes:
                raise _unfit(body, self._limits.max_record_bytes)
            self._read_body(envelope.opened(body, self._limits.max_inflated_bytes), record, record_time_ns, out)
        except Rejected as error:
            out.reject(record, error)
        out.empty += out.seen == before

    def _read_body(self, body: bytes, record: int, record_time_ns: int, out: Collected) -> None:
        if body.lstrip()[:1] in (b"{", b"["):
            self._read_json(body, record, record_time_ns, out)
            return
        if envelope.is_text(body):
            text = body.decode("utf-8", "replace")
            if influx.recognises(text):
                influx.read(text, record, record_time_ns, out)
                return
        elif requests := otlp_protobuf.decoded(body):
            otlp_protobuf.read(requests, record, record_time_ns, out)
            return
        elif request := remote_write.decoded(body, self._limits.max_inflated_bytes):
            remote_write.read(request, record, record_time_ns, out)
            return
        raise envelope.unreadable(body)

    def _read_json(self, body: bytes, record: int, record_time_ns: int, out: Collected) -> None:
        """One object, several one a line, or an array of them."""
        found = objects(body)
        if not found:
            raise Rejected(RejectReason.UNKNOWN_FORMAT, "an empty JSON array")
        for text, members in found:
            if isinstance(members, Rejected):
                out.reject(record, members)
                continue
            for format_ in JSON_FORMATS:
                if format_.recognises(members):
                    format_.read(text, members, record, record_time_ns, out)
                    break
            else:
                names = ", ".join(sorted(members)[:10])
                out.reject(record, Rejected(RejectReason.UNKNOWN_FORMAT, f"a JSON object with {names or 'no members'}"))


def _taken(samples: native_json.ReadSamples) -> Read:
    """What was read of single samples, one a record."""
    record = np.flatnonzero(samples.state)
    return Read(record.astype(np.int32), samples.series[record], samples.time_ns[record], samples.value[record])


def _unfit(body: bytes | None, limit: int) -> Rejected:
    """Why a record is not even looked into."""
    if body is None:
        return Rejected(RejectReason.UNPARSABLE, "the record has no value")
    return Rejected(RejectReason.TOO_LARGE, f"{len(body)} bytes, {limit} are allowed")
