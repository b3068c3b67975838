"""State of one partition as structured arrays: a row per series, a row per entity, room to grow.

Everything the fold must remember about a series or an entity is a field here, so a snapshot is two arrays and the
names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.series import EntityRule, SeriesIdentity
from models.state.metric_rules import MetricRule, rule_for

Table: TypeAlias = Any
"""A structured array. Compiled loops read fields as attributes of a row, for which numpy has no static type."""

RING = 16
"""Event times remembered per series, to tell a repeat from a late sample."""

OPEN = 16
"""Open ticks per entity. At one-second ticks one metric may lag 15 s behind another and still share its row."""

DIFFS = 16
"""Distances between event times that the sampling interval is learned from (their median)."""

SUSTAINED = 3
"""Most rows that surprise has to last before it counts; see `scoring.SUSTAINED_S`."""

BINS = 256
"""Bins of the grid of values that a series has had; with 128 the public benchmark loses two points."""

HOURS = 24

STRENGTHS = 64
"""Bins of the strengths of an entity's past events; see `false_alarms`."""

PEAKS = 5
"""Blocks of rows whose strongest row is remembered; see `false_alarms.BLOCK_ROWS`."""

SERIES = np.dtype(
    [
        # what it is
        ("entity", "i4"),
        ("next", "i4"),
        ("column", "i4"),
        ("counter", "i1"),
        ("bound_from", "i4"),
        ("bound", "i4"),
        # which changes count: 1 upwards, -1 downwards, 0 both; how large at least, absolute and of the level
        ("direction", "i1"),
        ("least_effect", "f8"),
        ("least_effect_ratio", "f8"),
        # placing
        ("n_times", "i4"),
        ("times", "i8", (RING,)),
        ("last", "f8"),
        ("slot", "f8", (OPEN,)),
        ("live", "i1"),
        ("awaited", "i1"),
        ("absent", "i4"),
        ("presence", "f8"),
        # online detectors: learned rows, level and scale by horizon, tails of |z|, range, novelty, regularity
        ("n", "f8"),
        ("level", "f8", (2,)),
        ("scale", "f8", (2,)),
        ("cut", "f8", (2,)),
        ("excess", "f8", (2,)),
        ("square", "f8", (2,)),
        ("beyond", "f8", (2,)),
        ("low", "f8"),
        ("high", "f8"),
        ("regular", "f8"),
        ("missing", "i4"),
        # novelty of the value and of its seasonal residual: what has been seen, by age, on a grid
        ("seen_rows", "i8"),
        ("latest", "f8", (SUSTAINED - 1,)),
        ("newest", "f8"),
        ("granule", "f8"),
        ("swing", "f8"),
        ("seen", "u1", (2, BINS)),
        ("bin_low", "f8", (2,)),
        ("bin_step", "f8", (2,)),
        ("seen_low", "f8", (2,)),
        ("seen_high", "f8", (2,)),
        ("recent_low", "f8", (2,)),
        ("recent_high", "f8", (2,)),
        ("settled_low", "f8", (2,)),
        ("settled_high", "f8", (2,)),
        # what is usual at an hour of the day, and the tail of residuals to it
        ("hour_mean", "f8", (HOURS,)),
        ("hour_rows", "f4", (HOURS,)),
        ("day_n", "f8"),
        ("day_scale", "f8"),
        ("day_cut", "f8"),
        ("day_excess", "f8"),
        ("day_square", "f8"),
        ("day_beyond", "f8"),
        # the regime that may become the new normal
        ("odd", "i4"),
        ("held", "f8", (2,)),
        ("new_level", "f8"),
        ("new_scale", "f8"),
        ("new_low", "f8"),
        ("new_high", "f8"),
        # drift's frame of reference
        ("ref_level", "f8"),
        ("ref_scale", "f8"),
        ("drift_ns", "i8"),
    ],
    align=True,
)
"""One series. `next` links an entity's series in order of feature name, -1 ends; `column` is the series' column in its
service's model, -1 none; `slot[k]` is the value waiting in open tick k, NaN none."""

ENTITY = np.dtype(
    [
        ("service", "i4"),
        ("first", "i4"),
        ("n_series", "i4"),
        # time
        ("interval_ns", "i8"),
        ("phase_ns", "i8"),
        ("n_diffs", "i4"),
        ("diffs", "i8", (DIFFS,)),
        ("newest_ns", "i8"),
        ("heard_ns", "i8"),
        ("silent", "i1"),
        # open ticks, oldest first
        ("n_open", "i4"),
        ("key", "i8", (OPEN,)),
        ("at", "i8", (OPEN,)),
        ("deadline", "i8", (OPEN,)),
        ("reported", "i4", (OPEN,)),
        ("slot", "i4", (OPEN,)),
        ("awaited", "i4"),
        ("closed_key", "i8"),
        ("rows", "i8"),
        # what its events were like, and how far the threshold has moved
        ("n", "f8"),
        ("units", "f8"),
        ("events", "f8", (STRENGTHS,)),
        ("peaks", "f8", (PEAKS,)),
        ("held", "f8"),
        ("offset", "f8"),
        ("alarm_rows", "i4"),
        ("anew", "i1"),
        ("waited", "f8"),
        ("loudest", "f8"),
        # newest surprises by the service's model, their exponential mean, and that of evidence without a model
        ("joint", "f8", (SUSTAINED,)),
        ("joint_level", "f8"),
        ("odd_level", "f8"),
        # the tail of the model's surprises outside of alarms, and how many it has learnt
        ("own_rows", "f8"),
        ("cut", "f8"),
        ("excess", "f8"),
        ("square", "f8"),
        ("beyond", "f8"),
        # episode
        ("episode", "i1"),
        ("pending", "i4"),
        ("quiet", "i4"),
        ("since_ns", "i8"),
        # newest result
        ("tick_ns", "i8"),
        ("score", "f8"),
        ("cause", "i4"),
        ("value", "f8"),
        ("expected", "f8"),
        ("lower", "f8"),
        ("upper", "f8"),
    ],
    align=True,
)
"""One entity. `heard_ns` is the partition's newest event time when the entity last spoke; `slot[i]` says which of the
series' slots belongs to the i-th oldest open tick."""

LONG_AGO = -(2**62)

COUNTER_SUFFIXES = ("_total", "_count", "_sum", "_bucket")
"""Metrics named so are cumulative: Prometheus' and OpenMetrics' naming rules, which OTLP translations keep. Everything
else is a gauge. A rule by name gives the same answer before the first sample as after the millionth, unlike a learned
one."""


def is_counter(metric: str) -> bool:
    """Whether a metric is cumulative, so that its rate is the feature.

    >>> is_counter("http_requests_total"), is_counter("latency_ms")
    (True, False)
    """
    return metric.endswith(COUNTER_SUFFIXES)


@dataclass(frozen=True, slots=True)
class EntityName:
    """What people call an entity."""

    service: str
    entity: str


class Tables(NamedTuple):
    """The arrays, as compiled loops take them; entities and services end with the last known one.

    Attributes:
        thresholds: float64 `(n_services,)`, by what a service's alert threshold is multiplied, in nats of surprise; 1
            is the one that the false-alarm rate asks for.
    """

    series: Table
    entities: Table
    thresholds: NDArray[np.float64]


def _doubled(table: Table) -> Table:
    """The same rows and as many empty ones. Those take no memory yet: zeroed pages come from the system when used."""
    larger: Table = np.zeros(2 * len(table), table.dtype)
    larger[: len(table)] = table
    return larger


class State:
    """Arrays and names of a partition's series, entities and services, numbered in order of first appearance."""

    def __init__(self, rule: EntityRule, metric_rules: Sequence[MetricRule] = ()) -> None:
        self.rule = rule
        self.metric_rules = metric_rules
        self.series: Table = np.zeros(64, SERIES)
        self.entities: Table = np.zeros(16, ENTITY)
        self.series_number: dict[str, int] = {}
        self.entity_number: dict[str, int] = {}
        self.service_number: dict[str, int] = {}
        self.identities: list[SeriesIdentity] = []
        self.features: list[str] = []
        self.entity_names: list[EntityName] = []
        self.services: list[str] = []
        self._entity_labels: list[Mapping[str, str]] = []
        self.thresholds: NDArray[np.float64] = np.ones(0)
        self.newest_ns = LONG_AGO
        self.next_deadline_ns = -LONG_AGO

    @property
    def tables(self) -> Tables:
        """The arrays as they are now; adding a series may replace them."""
        return Tables(self.series, self.entities[: len(self.entity_names)], self.thresholds)

    def add(self, series_id: str, identity: SeriesIdentity) -> int:
        """Number of a series that is not known yet, its state empty."""
        return self.add_all([series_id], [identity])

    def add_all(self, series_ids: Sequence[str], identities: Sequence[SeriesIdentity]) -> int:
        """Number of the first of series that are not known yet, their states empty; the others follow it."""
        first, end = len(self.identities), len(self.identities) + len(series_ids)
        while len(self.series) < end:
            self.series = _doubled(self.series)
        self.series_number.update(zip(series_ids, range(first, end), strict=True))
        entities = [self._register_entity(identity) for identity in identities]
        self.identities.extend(map(self._sharing_labels, identities, entities))
        self.features.extend(identity.feature for identity in identities)
        rows = self.series[first:end]
        rows["entity"], rows["column"] = entities, -1
        rows["counter"] = [is_counter(identity.metric) for identity in identities]
        for name in ("slot", "last", "ref_level"):
            rows[name] = np.nan
        for number, entity in enumerate(entities, first):
            self._link(entity, number)
        self.apply_rules(first)
        return first

    def apply_rules(self, first: int) -> None:
        """Note in every series from number `first` on which changes of its metric count."""
        rules = [rule_for(identity.metric, self.metric_rules) for identity in self.identities[first:]]
        rows = self.series[first : len(self.identities)]
        rows["direction"] = [rule.direction.sign for rule in rules]
        rows["least_effect"] = [rule.minimum_effect for rule in rules]
        rows["least_effect_ratio"] = [rule.minimum_effect_ratio for rule in rules]

    def register(self, series_id: str) -> int:
        """Number of a series, new ones added; raises `Rejected` where the text is not a series."""
        known = self.series_number.get(series_id)
        return known if known is not None else self.add(series_id, self.rule.identify(series_id))

    def service(self, name: str) -> int:
        """Number of a service, new ones added."""
        number = self.service_number.setdefault(name, len(self.services))
        if number == len(self.services):
            self.services.append(name)
            self.thresholds = np.append(self.thresholds, 1.0)
        return number

    def assign_columns(self, service: int, features: Sequence[str]) -> None:
        """Tell every series of a service which column of the service's model it is."""
        column = {feature: position for position, feature in enumerate(features)}
        n = len(self.identities)
        mine = np.flatnonzero(self.entities["service"][self.series["entity"][:n]] == service)
        self.series["column"][mine] = [column.get(self.features[number], -1) for number in mine.tolist()]

    def _register_entity(self, identity: SeriesIdentity) -> int:
        known = self.entity_number.get(identity.entity)
        if known is not None:
            return known
        number = len(self.entity_names)
        if number == len(self.entities):
            self.entities = _doubled(self.entities)
        self.entity_number[identity.entity] = number
        self.entity_names.append(EntityName(identity.service, identity.entity))
        self._entity_labels.append(identity.labels)
        row = self.entities[number : number + 1]
        row["service"], row["first"], row["cause"] = self.service(identity.service), -1, -1
        row["newest_ns"] = row["closed_key"] = LONG_AGO
        row["slot"] = np.arange(OPEN)
        return number

    def _sharing_labels(self, identity: SeriesIdentity, entity: int) -> SeriesIdentity:
        """The same identity; labels that are equal to those of its entity's first series are those, not a copy, which
        would take 200 bytes."""
        shared = self._entity_labels[entity]
        return replace(identity, labels=shared) if identity.labels == shared else identity

    def _link(self, entity: int, number: int) -> None:
        """Insert a series into its entity's list by feature name: sums over a row do not depend on who came first."""
        feature = self.identities[number].feature
        after, here = -1, int(self.entities["first"][entity])
        while here >= 0 and self.identities[here].feature < feature:
            after, here = here, int(self.series["next"][here])
        self.series["next"][number] = here
        if after < 0:
            self.entities["first"][entity] = number
        else:
            self.series["next"][after] = number
        self.entities["n_series"][entity] += 1
