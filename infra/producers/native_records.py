"""Samples as native JSON records, one per entity and event time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from models.records import SampleColumns
from models.series import EntityRule, parse_series
from models.timestamps import MILLISECOND_NS, to_rfc3339

# of one record; at ~200 bytes a sample it stays far below the 1 MB that Kafka and ingest allow
MAX_SAMPLES: Final = 1000
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class NativeRecord:
    """A record for the `metrics` topic: entity as key, JSON as value, and how many samples it holds."""

    key: bytes
    value: bytes
    samples: int


class NativeWriter:
    """Writes samples as JSON; what does not change about a series is rendered once.

    >>> import numpy as np
    >>> writer = NativeWriter(EntityRule(("service",), ("instance",), "host"))
    >>> one = SampleColumns(['m{service="s"}'], np.zeros(1, np.int32), np.zeros(1, np.int64), np.ones(1))
    >>> record = next(writer.records(one))
    >>> record.key, record.samples, record.value[:37]
    (b's', 1, b'{"metric":"m","labels":{"service":"s"')
    """

    def __init__(self, entity_rule: EntityRule) -> None:
        self._rule = entity_rule
        self._known: dict[str, tuple[bytes, bytes]] = {}

    def records(self, columns: SampleColumns) -> Iterator[NativeRecord]:
        """Records of all samples, in the order in which their entities and times first appear."""
        heads = [self._head(series_id) for series_id in columns.series_ids]
        groups: dict[tuple[bytes, int], list[bytes]] = {}
        times: dict[int, bytes] = {}
        for number, time_ns, value in zip(
            columns.series.tolist(), columns.event_time_ns.tolist(), columns.values.tolist(), strict=True
        ):
            key, head = heads[number]
            time = times.get(time_ns)
            if time is None:
                time = times[time_ns] = _time(time_ns)
            groups.setdefault((key, time_ns), []).append(b'%b"value":%b,"timestamp":%b}' % (head, _encode(value), time))
        for (key, _), samples in groups.items():
            for start in range(0, len(samples), MAX_SAMPLES):
                part = samples[start : start + MAX_SAMPLES]
                value = part[0] if len(part) == 1 else b'{"samples":[%b]}' % b",".join(part)
                yield NativeRecord(key, value, len(part))

    def _head(self, series_id: str) -> tuple[bytes, bytes]:
        head = self._known.get(series_id)
        if head is None:
            metric, labels = parse_series(series_id)
            entity = self._rule.identify(series_id).entity
            head = entity.encode(), b'{"metric":%b,"labels":%b,' % (_encode(metric), _encode(labels))
            self._known[series_id] = head
        return head


def _time(time_ns: int) -> bytes:
    """RFC 3339 to the millisecond where that says it all, else nanoseconds."""
    return _encode(time_ns if time_ns % MILLISECOND_NS else to_rfc3339(time_ns))
