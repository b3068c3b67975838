"""What a page names as its causes: series ranked by their part in what was not normal before and during the burn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from models.slo.causes.shifts import OUT, Shift
from models.timestamps import SECOND_NS

UPSTREAM_WEIGHT: Final = 0.8
"""Weight of a step towards a dependency. Below 1, so that of two services that are equally anomalous the one that burns
is named first; near 1, because a dependency's own trouble is seldom as loud where it is only felt."""

FOLLOWS_S: Final = 300.0
LEAST_EARLINESS: Final = 1 / 8
"""What left its normal five minutes after the first weighs a third; never less than an eighth, for the first may be
chance."""

SUBSTANTIAL: Final = 0.5
"""The first that counts weighs at least this share of what weighs most, all in all or by the samples: a faint false
alarm of half an hour ago would make a late-comer of everything that matters."""

FARTHEST: Final = 3.0
"""Half widths of the band beyond which a value speaks no louder: one that is far out explains an anomaly, a hundred
times farther is the same explanation. A value that is missing is as far."""


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
        """An episode weighs as much as its peak score: the entity that is worst off speaks loudest, however long.

        What moved within its band took part in a relation that broke, but is seldom what broke it.
        """
        return self.share * self.peak_score * self._distance

    @property
    def _distance(self) -> float:
        """How far out of its expectation, in half widths of the band; 1, its edge, where nobody knows."""
        if self.expected is None or self.expected_lower is None or self.expected_upper is None:
            return 1.0
        if self.value is None:
            return FARTHEST
        half = (self.expected_upper - self.expected_lower) / 2.0
        off = abs(self.value - self.expected)
        return min(off / half, FARTHEST) if half > 0 else FARTHEST * (off > 0)


class Cause(msgspec.Struct, frozen=True):
    """One metric of one service, with its part in what was not normal around the burn; stored with the alert as JSON.

    Attributes:
        part: 0 to 1; those of all causes sum to 1.
        entity: the one in which it stood out most, which the figures are of. entities: in how many it took part.
        onset_ns: when it began in the first of them, nanoseconds since the epoch.
        lead_s: seconds from the onset to the begin of the burn, positive where the anomaly came first; None where
            nobody knows when the burn began.
        hops: 0 for the service that burns, 1 for its dependencies, and so on.
        value, expected, expected_lower, expected_upper: in the metric's unit; None where unknown.
        peak_score: highest anomaly score of its episodes; 1 is the threshold, 0 says that there was none.
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
    evidence: Iterable[Evidence],
    shifts: Iterable[Shift] = (),
    *,
    burn_began_ns: int | None = None,
    hops: Mapping[str, int] | None = None,
) -> list[Cause]:
    """Metrics by their part in what is not normal around the burn, largest first; equal ones by name.

    The part is the mean of two views, each summing to 1, or the one there is: of the anomalies, and of the samples.
    What came later than the first weighs less, as it may follow from it, and so does what is away.

    Args:
        evidence: of the episodes that overlap the time before and during the burn, of the service and its dependencies.
        shifts: series that are out of their normal since the burn began, of the same services.
        burn_began_ns: when the burn began, nanoseconds since the epoch.
        hops: distance of each service from the one that burns; one that is missing is taken as the service itself.
    """
    distance = hops or {}
    found: dict[_Key, _Found] = {}
    for one in evidence:
        if one.weight > 0:
            found.setdefault((one.service, one.metric), _Found([], [])).anomalies.append(one)
    for shift in shifts:
        found.setdefault((shift.service, shift.metric), _Found([], [])).shifts.append(shift)
    weights = _weights(found, distance)
    total = sum(weights.values())
    order = sorted(weights, key=lambda key: (-weights[key], distance.get(key[0], 0), key))
    return [_cause(key, found[key], weights[key] / total, distance.get(key[0], 0), burn_began_ns) for key in order]


_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known about one metric of one service."""

    anomalies: list[Evidence]
    shifts: list[Shift]

    @property
    def onset_ns(self) -> int:
        """Where samples say since when, they say it better: detectors follow what creeps; 0 where nobody knows."""
        return min((one.onset_ns for one in self.shifts or self.anomalies if one.onset_ns), default=0)


def _weights(found: Mapping[_Key, _Found], distance: Mapping[str, int]) -> dict[_Key, float]:
    anomalous = {key: sum(one.weight for one in of.anomalies) for key, of in found.items()}
    shifted = {key: sum(1.0 + math.log(one.size / OUT) for one in of.shifts) for key, of in found.items()}
    views = [(view, total) for view in (anomalous, shifted) if (total := sum(view.values())) > 0]
    parts = {key: sum(view[key] / total for view, total in views) / len(views) for key in found}
    loud = {key for view in (parts, shifted) for key in view if 0 < view[key] >= SUBSTANTIAL * max(view.values())}
    first_ns = min((found[key].onset_ns for key in loud if found[key].onset_ns), default=0)
    return {
        key: parts[key]
        * _earliness(of.onset_ns - first_ns if of.onset_ns else None)
        * UPSTREAM_WEIGHT ** distance.get(key[0], 0)
        for key, of in found.items()
    }


def _earliness(behind_ns: int | None) -> float:
    """Weight of what began so long after the first; what began before it is no earlier than first."""
    if behind_ns is None:
        return LEAST_EARLINESS
    return max(math.exp(-max(behind_ns, 0) / SECOND_NS / FOLLOWS_S), LEAST_EARLINESS)


def _cause(key: _Key, of: _Found, part: float, hops: int, burn_began_ns: int | None) -> Cause:
    onset_ns = of.onset_ns
    entities = {anomaly.entity for anomaly in of.anomalies} | {shift.entity for shift in of.shifts}
    # the band from before the burn, where there is one: that of the detectors has moved with what crept
    largest: Evidence | Shift
    if of.shifts:
        largest = max(of.shifts, key=lambda one: (one.size, one.entity))
    else:
        largest = max(of.anomalies, key=lambda one: (one.weight, one.entity))
    worst = max(of.anomalies, key=lambda one: (one.peak_score, one.entity), default=None)
    return Cause(
        service=key[0],
        metric=key[1],
        part=part,
        entity=largest.entity,
        entities=len(entities),
        onset_ns=onset_ns,
        lead_s=(burn_began_ns - onset_ns) / SECOND_NS if burn_began_ns is not None and onset_ns else None,
        hops=hops,
        value=largest.value,
        expected=largest.expected,
        expected_lower=largest.expected_lower,
        expected_upper=largest.expected_upper,
        peak_score=worst.peak_score if worst else 0.0,
        model_version=worst.model_version if worst else "",
    )
