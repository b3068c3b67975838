"""Which series the bytes of a sample's labels mean: decoded, checked and formatted once per series, then remembered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from sys import intern
from typing import Final, TypeAlias

import msgspec

from models.errors import Rejected
from models.limits import MAX_ENTITY_BYTES, MAX_SERIES_BYTES, MAX_SERVICE_BYTES, encoded_bytes
from models.parse.crowds import Crowd, Crowds, Scope
from models.parse.fast.series_keys import RawSeriesKeys
from models.parse.outcome import Limits
from models.reasons import RejectReason
from models.series import EntityRule, MetricKind, Owner, SeriesBook, format_series, valid_metric_name
from models.timestamps import HOUR_NS

# what tells series apart undecoded: (metric, raw JSON of its labels), or (measurement, raw JSON of its tags, field)
SeriesKey: TypeAlias = tuple[str, bytes] | tuple[str, bytes, str]

# A series that is silent for one to two of these is forgotten and frees its place under max_series_per_service.
# Long enough for a metric sampled hourly to stay, short enough that replaced pods do not fill the limit for a day.
GENERATION_NS: Final = HOUR_NS
# Raw forms remembered; at ~500 bytes each with their series this bounds the memory at about 0.25 GB. It must stay above
# the live series of a worker (100,000 is the size it is built for): beyond it everything is forgotten and learnt again.
MAX_KEYS: Final = 500_000

_LABEL_NAME = re.compile(r'[^={},"\\\s\x00-\x1f\x7f]+')
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode


class KnownSeries:
    """Number and canonical text of a series by the raw bytes it arrives as. Numbers hold until the next `begin`.

    Attributes:
        numbers: number of every raw form known; look here first, then call `learn`.
        forms: the native ones of them, for compiled loops.
        book: the series by number; another one where numbers begin anew.
        crowds: what had no room for another series, and the label to blame.
    """

    def __init__(self, limits: Limits, entity_rule: EntityRule) -> None:
        self._limits = limits
        self._rule = entity_rule
        self._generation_started_ns: int | None = None
        self.crowds = Crowds()
        self._clear()

    def _clear(self) -> None:
        self.numbers: dict[SeriesKey, int] = {}
        self._raw_labels: dict[bytes, bytes] = {}
        self.raw_keys = RawSeriesKeys()
        self.book = SeriesBook()
        self._number_of: dict[str, int] = {}
        self._per_service: Counter[str] = Counter()
        self._per_entity: Counter[str] = Counter()
        self.crowds.clear()
        self._alive: set[int] = set()

    def begin(self, time_ns: int) -> None:
        """Forget what has been silent for a generation; `time_ns` is the stream's present."""
        if len(self.numbers) > MAX_KEYS:
            self._clear()
        if self._generation_started_ns is None:
            self._generation_started_ns = time_ns
        elif time_ns - self._generation_started_ns >= GENERATION_NS:
            self._generation_started_ns = time_ns
            self._forget_silent()

    def seen(self, numbers: Iterable[int]) -> None:
        """Note that these series are alive."""
        self._alive.update(numbers)

    def _forget_silent(self) -> None:
        kept = {old: new for new, old in enumerate(sorted(self._alive))}
        self.numbers = {key: kept[number] for key, number in self.numbers.items() if number in kept}
        self._raw_labels = {key[1]: key[1] for key in self.numbers}
        self.raw_keys = RawSeriesKeys()
        for key, number in self.numbers.items():
            if len(key) == 2:
                self.raw_keys.add(key[0].encode(), key[1], number)
        before, self.book = self.book, SeriesBook()
        for old in kept:
            self.book.add(before.texts[old], before.owners[old], before.kinds[old])
        self._number_of = {series_id: number for number, series_id in enumerate(self.book.texts)}
        self._per_service = Counter(owner.service for owner in self.book.owners)
        self._per_entity = Counter(owner.entity for owner in self.book.owners)
        self.crowds.clear()
        self._alive = set()

    def learn(self, key: SeriesKey, kind: MetricKind = MetricKind.UNKNOWN) -> int:
        """Number of the series that a raw form stands for, from now on known; the first kind that is said holds.

        Raises:
            Rejected: `wrong-type`, `bad-name`, `name-too-long`, `too-many-labels`, `too-many-series`,
                `too-many-services` or `unparsable`.
        """
        series_id, metric, labels = self._read(key)
        number = self._number_of.get(series_id)
        if number is None:
            owner = self._admit(metric, labels)
            number = self._number_of[series_id] = self.book.add(series_id, owner, kind)
            self._per_service[owner.service] += 1
            self._per_entity[owner.entity] += 1
        self.numbers[self._sharing(key)] = number
        if len(key) == 2:
            self.raw_keys.add(key[0].encode(), key[1], number)
        return number

    def _sharing(self, key: SeriesKey) -> SeriesKey:
        """The same key; metrics recur in every entity, labels in every metric of one, and need not be there again."""
        labels = self._raw_labels.setdefault(key[1], key[1])
        return (intern(key[0]), labels) if len(key) == 2 else (intern(key[0]), labels, intern(key[2]))

    def _read(self, key: SeriesKey) -> tuple[str, str, dict[str, str]]:
        """Canonical text, metric and labels of a raw form."""
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
            raise Rejected(RejectReason.TOO_MANY_LABELS, f"{len(labels)} labels, {self._limits.max_labels} are allowed")
        for name, value in labels.items():
            # PostgreSQL text cannot hold NUL; the rest of a value may be anything
            if not _LABEL_NAME.fullmatch(name) or "\x00" in value:
                raise Rejected(RejectReason.BAD_NAME, f"label {name[:60]!r}={value[:60]!r}")
        series_id = format_series(metric, labels)
        if len(series_id.encode()) > MAX_SERIES_BYTES:
            raise Rejected(RejectReason.NAME_TOO_LONG, f"series beyond {MAX_SERIES_BYTES} bytes: {series_id[:60]!r}")
        return series_id, metric, labels

    def _admit(self, metric: str, labels: dict[str, str]) -> Owner:
        """What a new series belongs to; raises `Rejected` where its names are too long, or there is no room for it."""
        owner = self._rule.identify_labels(metric, labels).owner
        if owner.entity not in self._per_entity or owner.service not in self._per_service:
            _check_names(owner)
        self._find_room(owner)
        return owner

    def _find_room(self, owner: Owner) -> None:
        limits = self._limits
        if owner.service not in self._per_service and len(self._per_service) >= limits.max_services:
            crowd = Crowd(Scope.SERVICES, "", self._rule.service_labels[0])
            self.crowds.refuse(crowd)
            raise Rejected(RejectReason.TOO_MANY_SERVICES, f"there are {limits.max_services} services already")
        for scope, name, there, limit in (
            (Scope.ENTITY, owner.entity, self._per_entity[owner.entity], limits.max_series_per_entity),
            (Scope.SERVICE, owner.service, self._per_service[owner.service], limits.max_series_per_service),
        ):
            if there >= limit:
                label = self.crowds.label_to_blame(scope, name, self.book)
                self.crowds.refuse(Crowd(scope, owner.service, label))
                detail = f"{scope.value} {name[:60]!r} has {limit} series already; most values: label {label[:60]!r}"
                raise Rejected(RejectReason.TOO_MANY_SERIES, detail)


def _check_names(owner: Owner) -> None:
    for what, n_bytes, limit in (
        (f"entity {owner.entity[:60]!r}", len(owner.entity.encode()), MAX_ENTITY_BYTES),
        (f"service {owner.service[:60]!r}", encoded_bytes(owner.service), MAX_SERVICE_BYTES),
    ):
        if n_bytes > limit:
            raise Rejected(RejectReason.NAME_TOO_LONG, f"{what} has {n_bytes} bytes, {limit} are allowed")
