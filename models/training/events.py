"""Drifts and requests for models as the events that tell of them; every id comes from the cause."""

from __future__ import annotations

from models.records import DriftEvent, RetrainEvent
from models.state.results import Drift, RetrainRequest
from models.timestamps import to_rfc3339


def drift_event(drift: Drift) -> DriftEvent:
    """The event of a confirmed drift."""
    return DriftEvent(
        id=drift.id,
        service=drift.service,
        entity=drift.entity,
        series=drift.series,
        detector=drift.detector,
        statistic=drift.statistic,
        window=drift.window_rows,
        at=to_rfc3339(drift.at_ns),
    )


def retrain_event(request: RetrainRequest) -> RetrainEvent:
    """The request for a new model that a fold came to."""
    return RetrainEvent(
        id=request.id,
        service=request.service,
        reason=request.reason.value,
        evidence=dict(request.evidence),
        asked_at=to_rfc3339(request.at_ns),
    )
