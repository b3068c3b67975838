"""Which series the bytes of a sample's labels mean: decoded, checked and formatted once per series, then remembered."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, TypeAlias

import msgspec

from models.errors import Rejected
from models.parse.outcome import Limits
from models.reasons import RejectReason
from models.series import EntityRule, format_series, valid_metric_name

# what tells series apart undecoded: (metric, raw JSON of its labels), or (measurement, raw JSON of its tags, field)
SeriesKey: TypeAlias = tuple[str, bytes] | tuple[str, bytes, str]

# A series that is silent for one to two of these is forgotten and frees its place under max_series_per_service.
# Long enough for a metric sampled hourly to stay, short enough that replaced pods do not fill the limit for a day.
GENERATION_NS: Final = 3600 * 1_000_000_000
# Distinct raw forms remembered per generation; at ~400 bytes each, two generations stay under about 0.4 GB.
# It must stay above the live series of a worker (100,000 is the size it is built for).
MAX_KEYS: Final = 500_000
# A series text is a key in PostgreSQL and on Kafka. A PostgreSQL index row holds 2,704 bytes, and service and entity
# (which contains the service) share one: 2 x 512 stays under it.
MAX_SERIES_BYTES: Final = 4096
MAX_ENTITY_BYTES: Final = 512

_LABEL_NAME = re.compile(r'[^={},"\\\s\x00-\x1f\x7f]+')
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


class KnownSeries:
    """Canonical text of a series by the raw bytes it arrives as, in two generations so that memory stays bounded."""

    def __init__(self, limits: Limits, entity_rule: EntityRule) -> None:
        self._limits = limits
        self._rule = entity_rule
        self._keys: dict[SeriesKey, str] = {}
        self._old_keys: dict[SeriesKey, str] = {}
        self._series: dict[str, str] = {}  # series text -> service
        self._old_series: dict[str, str] = {}
        self._per_service: Counter[str] = Counter()
        self._generation_started_ns: int | None = None

    def advance(self, record_time_ns: int) -> None:
        """Forget what has been silent for more than a generation of record time (never of the wall clock)."""
        if self._generation_started_ns is None:
            self._generation_started_ns = record_time_ns
        elif record_time_ns - self._generation_started_ns >= GENERATION_NS:
            self._next_generation()
            self._generation_started_ns = record_time_ns

    def _next_generation(self) -> None:
        self._old_keys, self._keys = self._keys, {}
        self._old_series, self._series = self._series, {}
        self._per_service = Counter(self._old_series.values())

    def resolve(self, key: SeriesKey) -> str:
        """Canonical text of the series that `key` stands for.

        Raises:
            Rejected: `wrong-type`, `bad-name`, `too-many-labels`, `too-large`, `too-many-series` or `unparsable`.
        """
        series_id = self._keys.get(key)
        if series_id is None:
            series_id = self._old_keys.get(key) or self._read(key)
            series_id = self._admit(series_id)
            if len(self._keys) >= MAX_KEYS:
                self._next_generation()
            self._keys[key] = series_id
        return series_id

    def _read(self, key: SeriesKey) -> str:
        metric = "_".join((key[0], *key[2:]))
        if not valid_metric_name(metric):
            raise Rejected(RejectReason.BAD_NAME, f"metric name {metric[:100]!r}")
        try:
            labels = _decode_labels(key[1])
        except msgspec.ValidationError as error:
            raise Rejected(RejectReason.WRONG_TYPE, f"labels must be texts: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Rejected(RejectReason.UNPARSABLE, f"labels: {error}") from error
        if len(labels) > self._limits.max_labels:
            raise Rejected(
                RejectReason.TOO_MANY_LABELS, f"{len(labels)} labels, {self._limits.max_labels} are allowed"
            )
        for name, value in labels.items():
            # PostgreSQL text cannot hold NUL; the rest of a value may be anything
            if not _LABEL_NAME.fullmatch(name) or "\x00" in value:
                raise Rejected(RejectReason.BAD_NAME, f"label {name[:60]!r}={value[:60]!r}")
        series_id = format_series(metric, labels)
        if len(series_id.encode()) > MAX_SERIES_BYTES:
            raise Rejected(RejectReason.TOO_LARGE, f"series beyond {MAX_SERIES_BYTES} bytes: {series_id[:60]!r}")
        return series_id

    def _admit(self, series_id: str) -> str:
        """Count the series for its service; returns the one text object that all its keys share."""
        if series_id in self._series:
            return series_id
        service = self._old_series.get(series_id)
        if service is None:
            identity = self._rule.identify(series_id)
            service = identity.service
            if len(identity.entity.encode()) > MAX_ENTITY_BYTES:
                start = identity.entity[:60]
                raise Rejected(RejectReason.TOO_LARGE, f"entity beyond {MAX_ENTITY_BYTES} bytes: {start!r}")
            if self._per_service[service] >= self._limits.max_series_per_service:
                raise Rejected(
                    RejectReason.TOO_MANY_SERIES,
                    f"service {service[:60]!r} has {self._limits.max_series_per_service} series already",
                )
            self._per_service[service] += 1
        self._series[series_id] = service
        return series_id
