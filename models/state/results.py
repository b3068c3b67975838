"""What a fold hands back, as columns where there is one entry a row or a minute and as objects where there are few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.reasons import AlertDecision, AlertState, Readiness, RetrainReason, SampleFate
from models.service_graph import Edge

READINESS = (Readiness.WARMING_UP, Readiness.PROVISIONAL, Readiness.CALIBRATED)


@dataclass(frozen=True, slots=True)
class SloCounts:
    """What to add to SLO minutes; every (slo_id, minute_s) once.

    Attributes:
        slo_id: int32 `(n,)`. minute_s: int64 `(n,)`, epoch seconds at which the minute starts. good, total: float64
            `(n,)`.
    """

    slo_id: NDArray[np.int32]
    minute_s: NDArray[np.int64]
    good: NDArray[np.float64]
    total: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.slo_id)


@dataclass(frozen=True)
class ScoredRows:
    """Closed entity ticks in the order in which they closed, which per entity is the order of time.

    Attributes:
        entity: int32 `(n,)`, index into `Pipeline.entities`.
        tick_ns: int64 `(n,)`, newest event time in the tick.
        score: float64 `(n,)`, 0 = typical, 1 = alert threshold; finite.
        is_anomaly: bool `(n,)`, score above 1 of an entity that has scores.
        value, expected, expected_lower, expected_upper: float64 `(n,)`, of the first cause, in its own unit (a
            counter's per second); NaN where there is none: the value is missing, the entity is warming up.
        causes: int32 `(n, 3)`, series numbers by contribution, -1 where there are fewer.
        parts: float64 `(n, 3)`, contributions, summing to the score.
        readiness_code: int8 `(n,)`, index into `READINESS`.
        model_version: version of the service's champion, empty where the online detectors score alone.
        features: feature names by series number.
    """

    entity: NDArray[np.int32]
    tick_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    value: NDArray[np.float64]
    expected: NDArray[np.float64]
    expected_lower: NDArray[np.float64]
    expected_upper: NDArray[np.float64]
    causes: NDArray[np.int32]
    parts: NDArray[np.float64]
    readiness_code: NDArray[np.int8]
    model_version: list[str]
    features: Sequence[str]

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def cause(self) -> list[str]:
        """Feature that contributes most, a row; empty where the row has none."""
        return [self.features[number] if number >= 0 else "" for number in self.causes[:, 0].tolist()]

    def contributions_of(self, row: int) -> list[tuple[str, float]]:
        """The contributions of one row."""
        pairs = zip(self.causes[row].tolist(), self.parts[row].tolist(), strict=True)
        return [(self.features[number], part) for number, part in pairs if number >= 0]


@dataclass(frozen=True, slots=True)
class SeriesPart:
    """What one series had to do with an episode so far.

    Attributes:
        metric: feature name.
        part: its contributions to the scores of the episode's rows, times their length: threshold-seconds.
        onset_ns: first row in which it contributed at least a quarter of a threshold; 0 where it never did.
        peak_ns: row of its largest contribution; value and band are those of that row, None where unknown.
    """

    metric: str
    part: float
    onset_ns: int
    peak_ns: int
    value: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None


@dataclass(frozen=True, slots=True)
class Episode:
    """A transition of an anomaly episode, or an update of one that goes on. `id` is made of entity and start, so all of
    them carry the same one.

    `series` are those that contributed, by their part in the whole of it so far, largest first. `causes` are shares
    of the score at its peak so far, largest first; value and band are those of the peak's first cause. `at_ns` is
    the tick at which the transition was decided; `started_ns` the first anomalous tick, somewhat before.
    """

    id: str
    service: str
    entity: str
    started_ns: int
    ended_ns: int | None
    at_ns: int
    peak_score: float
    peak_ns: int
    cause_metric: str
    causes: list[tuple[str, float]]
    value: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None
    model_version: str
    state: AlertState
    decision: AlertDecision
    series: tuple[SeriesPart, ...] = ()


def drift_id(entity: str, feature: str, at_ns: int) -> str:
    """Key of a drift: made of its cause, so that a repeat is recognised."""
    return f"{entity}:{feature}:{at_ns}"


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of a feature, or of the anomaly score, that was detected and then lasted.

    Attributes:
        statistic: mean since the change, in units of the series before it.
        window_rows: rows in the detector's window since the change.
        at_ns: tick at which it was confirmed. since_ns: tick at which the window begins, estimated from the sampling
            interval.
    """

    id: str
    service: str
    entity: str
    series: str
    detector: str
    statistic: float
    window_rows: int
    at_ns: int
    since_ns: int


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """A service should get a new model; `id` depends on the cause, so a replay asks with the same one."""

    id: str
    service: str
    reason: RetrainReason
    evidence: dict[str, str | float | int]
    at_ns: int


@dataclass(frozen=True, slots=True)
class Silence:
    """An entity fell silent (FIRING) or speaks again (RESOLVED); both transitions of a silence carry the same `id`.

    Attributes:
        since_ns: newest event time of the entity. at_ns: event time of the partition when the transition was decided.
    """

    id: str
    service: str
    entity: str
    since_ns: int
    at_ns: int
    state: AlertState


@dataclass(slots=True)
class Folded:
    """Everything that a batch of samples led to.

    `episodes` are those that opened or were closed, with an alert; `emitted` are all that there is to store about
    episodes, those included, in order. `calls` are dependencies that series seen for the first time show. `held` counts
    anomalous runs that were no alert, by the reason.
    """

    fates: dict[SampleFate, int]
    slo_counts: SloCounts
    rows: ScoredRows
    episodes: list[Episode]
    drifts: list[Drift]
    retrain: list[RetrainRequest]
    held: dict[AlertDecision, int] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    emitted: list[Episode] = field(default_factory=list)
    calls: list[Edge] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LatestScores:
    """Newest row of every entity that has one; columns of equal length, as in `ScoredRows`.

    `cause` is the feature that value and band belong to, empty where there is none.
    """

    service: list[str]
    entity: list[str]
    tick_ns: NDArray[np.int64]
    score: NDArray[np.float64]
    cause: list[str]
    value: NDArray[np.float64]
    expected: NDArray[np.float64]
    expected_lower: NDArray[np.float64]
    expected_upper: NDArray[np.float64]
