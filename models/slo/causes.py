"""What a page names as its causes: the service's metrics by their part in the anomalies around the burn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An anomaly episode of the service that overlaps the burn.

    Attributes:
        peak_score: highest anomaly score; 1 is the threshold.
        causes: metrics with their part of the score, in any unit, largest first.
        value, expected, expected_lower, expected_upper: of `cause_metric` at the peak, in its unit; None if unknown.
    """

    entity: str
    peak_score: float
    cause_metric: str
    causes: Sequence[tuple[str, float]]
    value: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None
    model_version: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One metric with its part, 0 to 1, in all anomalies, and the episode in which it stood out most."""

    metric: str
    part: float
    episode: Anomaly


def rank_causes(anomalies: Iterable[Anomaly]) -> list[Cause]:
    """Metrics by their part in the anomalies, largest first; parts sum to 1. Equal parts are in the metrics' order.

    An episode weighs as much as its peak score, so that the entity that is worst off speaks loudest.
    """
    weights: dict[str, float] = defaultdict(float)
    loudest: dict[str, tuple[float, Anomaly]] = {}
    for anomaly in anomalies:
        parts = [(metric, max(part, 0.0)) for metric, part in anomaly.causes]
        whole = sum(part for _, part in parts) or 1.0
        for metric, part in parts:
            weight = part / whole * max(anomaly.peak_score, 0.0)
            weights[metric] += weight
            if metric not in loudest or weight > loudest[metric][0]:
                loudest[metric] = (weight, anomaly)
    total = sum(weights.values())
    ranked = sorted(weights, key=lambda metric: (-weights[metric], metric))
    return [Cause(metric, weights[metric] / total, loudest[metric][1]) for metric in ranked if weights[metric] > 0]
