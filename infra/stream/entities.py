"""Entities as they were judged last, from the topic `scores`: what comes in, how ready it is, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from infra.kafka.recent import recent
from models.records import ScoreEvent


@dataclass(frozen=True, slots=True)
class EntityView:
    """The newest score of an entity, and what it has been since the look began.

    Attributes:
        tick: RFC 3339, of the newest row. score: of it; 1 is the threshold. worst: of all rows seen.
        anomalous_rows, rows: seen. cause: metric that the newest score is mostly made of, where it is anomalous.
    """

    service: str
    entity: str
    tick: str
    score: float
    worst: float
    anomalous_rows: int
    rows: int
    readiness: str
    model_version: str
    cause: str


def scores(servers: str, topic: str, since_ms: int, service: str = "") -> Iterator[ScoreEvent]:
    """Scores since a moment, of one service where one is named; raises `Unavailable`."""
    decoder = msgspec.json.Decoder(ScoreEvent)
    for record in recent(servers, topic, since_ms):
        event = decoder.decode(record.value)
        if not service or event.service == service:
            yield event


def entities(found: Iterable[ScoreEvent]) -> list[EntityView]:
    """The entities that scores are of, worst first: by the newest score, then by name."""
    newest: dict[str, ScoreEvent] = {}
    worst: dict[str, float] = {}
    rows: dict[str, int] = {}
    anomalous: dict[str, int] = {}
    for event in found:
        entity = event.entity
        if entity not in newest or event.tick >= newest[entity].tick:
            newest[entity] = event
        worst[entity] = max(worst.get(entity, 0.0), event.anomaly_score)
        rows[entity] = rows.get(entity, 0) + 1
        anomalous[entity] = anomalous.get(entity, 0) + event.is_anomaly
    views = [
        EntityView(
            event.service,
            entity,
            event.tick,
            event.anomaly_score,
            worst[entity],
            anomalous[entity],
            rows[entity],
            event.readiness,
            event.model_version,
            event.cause_metric if event.is_anomaly else "",
        )
        for entity, event in newest.items()
    ]
    return sorted(views, key=lambda view: (-view.score, view.entity))
