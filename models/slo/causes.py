"""What a page names as its causes: series ranked by their part in the anomalies before and during the burn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

UPSTREAM_WEIGHT: Final = 0.8
"""Weight of a step towards a dependency. Below 1, so that of two services that are equally odd the one that burns is
named first; near 1, because a dependency's own trouble is seldom as loud where it is only felt."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one series had to do with one anomaly episode.

    Attributes:
        metric: feature name, the series within its entity.
        share: of all contributions to the scores of the episode's rows, 0 to 1.
        onset_ns: when it began to take part; 0 where it never did by itself.
        value, expected, expected_lower, expected_upper: at its largest contribution, in the metric's unit.
        peak_score: of the episode; 1 is the threshold.
    """

    service: str
    entity: str
    metric: str
    share: float
    onset_ns: int
    value: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None
    peak_score: float
    model_version: str

    @property
    def weight(self) -> float:
        """An episode weighs as much as its peak score: the entity that is worst off speaks loudest, however long."""
        return self.share * self.peak_score


class Cause(msgspec.Struct, frozen=True):
    """One metric of one service, with its part in all anomalies around the burn; stored with the alert as JSON.

    Attributes:
        part: 0 to 1; those of all causes sum to 1.
        entity: the one in which it stood out most, which the figures are of. entities: in how many it took part.
        onset_ns: when it began in the first of them, nanoseconds since the epoch.
        lead_s: seconds from the onset to the begin of the burn, positive where the anomaly came first; None where
            nobody knows when the burn began.
        hops: 0 for the service that burns, 1 for its dependencies, and so on.
        value, expected, expected_lower, expected_upper: in the metric's unit; None where unknown.
        peak_score: highest anomaly score of its episodes; 1 is the threshold.
    """

    service: str
    metric: str
    part: float
    entity: str
    entities: int
    onset_ns: int
    lead_s: float | None
    hops: int
    value: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None
    peak_score: float
    model_version: str


def rank_causes(
    evidence: Iterable[Evidence], *, burn_began_ns: int | None = None, hops: Mapping[str, int] | None = None
) -> list[Cause]:
    """Metrics by their part in the anomalies, largest first; equal ones by name.

    Args:
        evidence: of the episodes that overlap the time before and during the burn, of the service and its dependencies.
        burn_began_ns: when the burn began, nanoseconds since the epoch.
        hops: distance of each service from the one that burns; one that is missing is taken as the service itself.
    """
    distance = hops or {}
    found: dict[tuple[str, str], list[Evidence]] = {}
    for one in evidence:
        if one.weight > 0:
            found.setdefault((one.service, one.metric), []).append(one)
    weights = {key: _weight(parts, distance.get(key[0], 0)) for key, parts in found.items()}
    whole = sum(weights.values())
    order = sorted(weights, key=lambda key: (-weights[key], distance.get(key[0], 0), key))
    return [_cause(found[key], weights[key] / whole, distance.get(key[0], 0), burn_began_ns) for key in order]


def _weight(parts: list[Evidence], hops: int) -> float:
    return sum(one.weight for one in parts) * UPSTREAM_WEIGHT**hops


def _cause(parts: list[Evidence], part: float, hops: int, burn_began_ns: int | None) -> Cause:
    loudest = max(parts, key=lambda one: (one.weight, one.entity))
    onset_ns = min((one.onset_ns for one in parts if one.onset_ns), default=0)
    lead_s = (burn_began_ns - onset_ns) / 1e9 if burn_began_ns is not None and onset_ns else None
    return Cause(
        service=loudest.service,
        metric=loudest.metric,
        part=part,
        entity=loudest.entity,
        entities=len({one.entity for one in parts}),
        onset_ns=onset_ns,
        lead_s=lead_s,
        hops=hops,
        value=loudest.value,
        expected=loudest.expected,
        expected_lower=loudest.expected_lower,
        expected_upper=loudest.expected_upper,
        peak_score=max(one.peak_score for one in parts),
        model_version=loudest.model_version,
    )
