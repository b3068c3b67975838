"""State of one partition as structured arrays: a row per series, a row per entity, room to grow.

Everything the fold must remember about a series or an entity is a field of a row, so a snapshot is two arrays and the
names. Which fields there are is for those who remember something to say (`models/fold_state.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.series import EntityRule, SeriesIdentity
from models.state.fields import I4, Field, Layout, Table
from models.state.metric_kinds import is_counter, largest_value
from models.state.metric_rules import MetricRule, rule_for


class SeriesLinks(Protocol):
    """What and whose a series is: its entity, the entity's next series in order of feature name (-1 ends), and its
    column in its service's model (-1 none)."""

    link_entity: I4
    link_next: I4
    link_column: Annotated[int, Field("i4", start=-1)]


class EntityLinks(Protocol):
    """Whose an entity is: the number of its service, the first of its series, and how many it has."""

    link_service: I4
    link_first: Annotated[int, Field("i4", start=-1)]
    link_n_series: I4


LONG_AGO: Final = -(2**62)
"""Event time before any other."""

FIRST_SERIES: Final = 64
FIRST_ENTITIES: Final = 16
"""Rows of the tables at first; each doubles when it is full."""


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

    def __init__(
        self, series: Layout, entities: Layout, rule: EntityRule, metric_rules: Sequence[MetricRule] = ()
    ) -> None:
        self.rule = rule
        self.metric_rules = metric_rules
        self._layouts = series, entities
        self.series: Table = np.zeros(FIRST_SERIES, series.dtype)
        self.entities: Table = np.zeros(FIRST_ENTITIES, entities.dtype)
        self.series_number: dict[str, int] = {}
        self.entity_number: dict[str, int] = {}
        self.service_number: dict[str, int] = {}
        self.identities: list[SeriesIdentity] = []
        self.features: list[str] = []
        self.entity_names: list[EntityName] = []
        self.services: list[str] = []
        self._entity_labels: list[Mapping[str, str]] = []
        self._members: list[list[int]] = []  # the lists that `link_next` makes, to find a place in by halves
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
        self._layouts[0].begin(rows)
        rows["link_entity"] = entities
        rows["rule_is_counter"] = [is_counter(identity.metric) for identity in identities]
        rows["rule_most"] = [largest_value(identity.metric) for identity in identities]
        for number, entity in enumerate(entities, first):
            self._link(entity, number)
        self.apply_rules(first)
        return first

    def apply_rules(self, first: int) -> None:
        """Note in every series from number `first` on which changes of its metric count."""
        rules = [rule_for(identity.metric, self.metric_rules) for identity in self.identities[first:]]
        rows = self.series[first : len(self.identities)]
        rows["rule_direction"] = [rule.direction.sign for rule in rules]
        rows["rule_least_effect"] = [rule.minimum_effect for rule in rules]
        rows["rule_least_effect_ratio"] = [rule.minimum_effect_ratio for rule in rules]

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
        of_service = np.flatnonzero(self.entities["link_service"][self.series["link_entity"][:n]] == service)
        self.series["link_column"][of_service] = [column.get(self.features[k], -1) for k in of_service.tolist()]

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
        self._members.append([])
        row = self.entities[number : number + 1]
        self._layouts[1].begin(row)
        row["link_service"] = self.service(identity.service)
        return number

    def _sharing_labels(self, identity: SeriesIdentity, entity: int) -> SeriesIdentity:
        """The same identity; labels that are equal to those of its entity's first series are those, not a copy, which
        would take 200 bytes."""
        shared = self._entity_labels[entity]
        return replace(identity, labels=shared) if identity.labels == shared else identity

    def _link(self, entity: int, number: int) -> None:
        """Insert a series into its entity's list by feature name: sums over a row do not depend on who came first."""
        members, table = self._members[entity], self.series["link_next"]
        place = bisect_left(members, self.features[number], key=self.features.__getitem__)
        table[number] = members[place] if place < len(members) else -1
        if place == 0:
            self.entities["link_first"][entity] = number
        else:
            table[members[place - 1]] = number
        members.insert(place, number)
        self.entities["link_n_series"][entity] += 1
