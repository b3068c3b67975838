"""Identity of series and entities: canonical text, and which service and entity a label set belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from sys import intern
from typing import NamedTuple

from models.errors import Rejected
from models.reasons import RejectReason

_METRIC_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:.\-/]*")
_LABEL = re.compile(r'([^={},"]+)="((?:[^"\\]|\\.)*)"(?:,|(?=\}))')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_UNESCAPE = re.compile(r"\\(.)")


def _escape(value: str) -> str:
    return value.translate(_ESCAPES)


def format_series(metric: str, labels: Mapping[str, str]) -> str:
    """Canonical text of a series: labels sorted by name, values escaped as in Prometheus' text format.

    >>> format_series("latency_ms", {"service": "checkout", "instance": "i-1"})
    'latency_ms{instance="i-1",service="checkout"}'
    >>> format_series("up", {})
    'up{}'
    """
    inside = ",".join(f'{name}="{_escape(labels[name])}"' for name in sorted(labels))
    return f"{metric}{{{inside}}}"


def parse_series(text: str) -> tuple[str, dict[str, str]]:
    """Metric name and labels of a canonical series text; the inverse of `format_series`.

    Raises:
        Rejected: the text is not a canonical series.

    >>> parse_series('latency_ms{instance="i-1",service="check\\\\"out"}')
    ('latency_ms', {'instance': 'i-1', 'service': 'check"out'})
    """
    metric, brace, rest = text.partition("{")
    if not brace or not rest.endswith("}") or not _METRIC_NAME.fullmatch(metric):
        raise Rejected(RejectReason.BAD_NAME, f"not a series: {text[:200]!r}")
    labels: dict[str, str] = {}
    # names and values recur in thousands of series
    metric, position = intern(metric), 0
    while position < len(rest) - 1:
        match = _LABEL.match(rest, position)
        if match is None:
            raise Rejected(RejectReason.BAD_NAME, f"not a series: {text[:200]!r}")
        value = match[2]
        if "\\" in value:
            value = _UNESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value)
        labels[intern(match[1])] = intern(value)
        position = match.end()
    return metric, labels


def valid_metric_name(name: str) -> bool:
    """Whether `name` may name a metric: letters, digits, `_ : . - /`, not starting with a digit."""
    return _METRIC_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class SeriesIdentity:
    """What a series belongs to.

    Attributes:
        service: groups entities, SLOs, models and alerts.
        entity: what is judged as a whole: `service/instance`, or just the service where there is no instance label.
        feature: the series within its entity: metric plus the labels that are not entity labels, `cpu_usage{cpu="0"}`,
            plain metric where there are none. The same feature of two entities of a service is the same model input.
        metric: metric name.
        labels: all labels, as the producer sent them.
    """

    service: str
    entity: str
    feature: str
    metric: str
    labels: Mapping[str, str]

    @property
    def owner(self) -> Owner:
        """Service, entity and metric."""
        return Owner(self.service, self.entity, self.metric)


class Owner(NamedTuple):
    """Of a series' identity what those need who only carry its samples."""

    service: str
    entity: str
    metric: str


class MetricKind(IntEnum):
    """What a producer says about a series' values; `UNKNOWN` where its format has no word for it."""

    UNKNOWN = 0
    GAUGE = 1  # a value that goes up and down
    COUNTER = 2  # cumulative and monotonic: only its increase means something
    DELTA = 3  # what was counted since the sample before: adds up as it is


class SeriesBook:
    """Series by number: canonical texts, and what each belongs to. It only grows, so who has looked something up in a
    book may keep that by number, for as long as it is the same book."""

    __slots__ = ("kinds", "owners", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.owners: list[Owner] = []
        self.kinds: list[MetricKind] = []

    def add(self, text: str, owner: Owner, kind: MetricKind = MetricKind.UNKNOWN) -> int:
        """Number of a new series."""
        self.texts.append(text)
        self.owners.append(owner)
        self.kinds.append(kind)
        return len(self.texts) - 1


@dataclass(frozen=True, slots=True)
class EntityRule:
    """Which labels make an entity. The first label of each tuple that a series carries counts.

    >>> rule = EntityRule(("service", "job"), ("instance", "host"), "host")
    >>> rule.identify('cpu{cpu="0",host="a",job="web"}').entity
    'web/a'
    >>> rule.identify('cpu{cpu="0",host="a",job="web"}').feature
    'cpu{cpu="0"}'
    """

    service_labels: tuple[str, ...]
    instance_labels: tuple[str, ...]
    default_service: str

    def identify(self, series_id: str) -> SeriesIdentity:
        """Identity of a canonical series text; raises `Rejected` where it is not one."""
        return self.identify_labels(*parse_series(series_id))

    def identify_labels(self, metric: str, labels: Mapping[str, str]) -> SeriesIdentity:
        """Identity of a series by its metric and labels."""
        service_label = _first(self.service_labels, labels)
        instance_label = _first(self.instance_labels, labels)
        service = labels[service_label] if service_label else self.default_service
        entity = intern(f"{service}/{labels[instance_label]}") if instance_label else service
        rest = {k: v for k, v in labels.items() if k not in (service_label, instance_label)}
        feature = format_series(metric, rest) if rest else metric
        return SeriesIdentity(service, entity, feature, metric, labels)


def _first(names: tuple[str, ...], labels: Mapping[str, str]) -> str | None:
    """The first of these labels that is there and not empty."""
    for name in names:
        if labels.get(name):
            return name
    return None
