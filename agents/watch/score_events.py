"""Results of a fold as the events that leave the watch agent. Pure; every id comes from the cause."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from infra.store.outbox import OutboxEvent
from models.alerting.alert import alert_event, dashboard_url, runbook_url
from models.names import AlertName, Annotation, Severity, Topic
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent, DriftEvent, RetrainEvent
from models.state.results import READINESS
from models.timestamps import to_rfc3339
from models.wire.byte_columns import Texts
from models.wire.score_json import ScoreColumns, score_texts

if TYPE_CHECKING:
    from infra.settings import Settings
    from models.state.results import Drift, Episode, RetrainWish, ScoredRows, Silence
    from models.state.tables import EntityName

TOP_CAUSES: Final = 3
"""Causes named in an event: what a person looks at before looking at the dashboard."""

MAX_CACHED: Final = 100_000
"""Names that are kept as the JSON that they become, some 300 bytes each: a micro-batch of many series has few rows of
each entity."""

_encoder = msgspec.json.Encoder()


def score_events(rows: ScoredRows, entities: list[EntityName]) -> tuple[list[bytes], NDArray[np.int64], Texts]:
    """The `ScoreEvent` of every closed tick, as JSON, in tick order.

    Returns:
        Keys of the entities that have rows; int64 `(n,)`, which of them each row is of; the events.
    """
    numbers, first, entity = np.unique(rows.entity, return_index=True, return_inverse=True)
    names = [_names(entities[number]) for number in numbers.tolist()]
    ticks, tick = np.unique(rows.tick_ns, return_inverse=True)
    series, cause = np.unique(rows.causes, return_inverse=True)
    # -1 is no series, and sorts first
    unknown = int(len(series) > 0 and series[0] < 0)
    contiguous = np.ascontiguousarray
    values = orjson.dumps(contiguous(rows.value), option=orjson.OPT_SERIALIZE_NUMPY)
    columns = ScoreColumns(
        entity=entity,
        ids=Texts.of([name.id for name in names]),
        names=Texts.of([name.between for name in names]),
        versions=Texts.of([_text(rows.model_version[row]) for row in first.tolist()]),
        tick_ns=contiguous(rows.tick_ns),
        tick=tick,
        ticks=Texts.of([_encoder.encode(to_rfc3339(tick_ns)) for tick_ns in ticks.tolist()]),
        score=contiguous(rows.score),
        is_anomaly=contiguous(rows.is_anomaly),
        cause=cause.reshape(rows.causes.shape) - unknown,
        part=contiguous(rows.parts),
        features=Texts.of([_text(rows.features[number]) for number in series[unknown:].tolist()]),
        value=_listed(values),
        expected=contiguous(rows.expected),
        lower=contiguous(rows.expected_lower),
        upper=contiguous(rows.expected_upper),
        readiness=rows.readiness_code.astype(np.int64),
        readiness_texts=Texts.of([_text(readiness.value) for readiness in READINESS]),
    )
    return [name.key for name in names], entity, score_texts(columns)


class _Names(NamedTuple):
    """An entity in a score event: what the event begins with, what comes between the tick in its id and the tick, and
    the record's key."""

    id: bytes
    between: bytes
    key: bytes


@lru_cache(MAX_CACHED)
def _names(name: EntityName) -> _Names:
    service, entity = _encoder.encode(name.service), _encoder.encode(name.entity)
    return _Names(
        b'{"id":%b@' % entity[:-1], b'","service":%b,"entity":%b,"tick":' % (service, entity), name.entity.encode()
    )


@lru_cache(MAX_CACHED)
def _text(text: str) -> bytes:
    return _encoder.encode(text)


def _listed(numbers: bytes) -> Texts:
    """The numbers of a JSON list.

    >>> texts = _listed(b"[1.5,null]")
    >>> texts.at(0), texts.at(1)
    (b'1.5', b'null')
    """
    data = np.frombuffer(numbers, np.uint8)
    ends = np.append(np.flatnonzero(data == ord(",")), len(data) - 1)
    start = np.concatenate([np.ones(1, np.int64), ends[:-1] + 1])
    return Texts(data, start, ends - start)


def drift_record(drift: Drift) -> tuple[str, bytes]:
    """(service, JSON) of a confirmed drift."""
    event = DriftEvent(
        id=drift.id,
        service=drift.service,
        entity=drift.entity,
        series=drift.series,
        detector=drift.detector,
        statistic=drift.statistic,
        window=drift.window_rows,
        at=to_rfc3339(drift.at_ns),
    )
    return drift.service, _encoder.encode(event)


def retrain_outgoing(wish: RetrainWish) -> OutboxEvent:
    """The request for a new model that a fold came to."""
    event = RetrainEvent(
        id=wish.id,
        service=wish.service,
        reason=wish.reason.value,
        evidence=dict(wish.evidence),
        asked_at=to_rfc3339(wish.at_ns),
    )
    return OutboxEvent(Topic.RETRAIN, wish.service, wish.id, _encoder.encode(event))


def alert_outgoing(episode: Episode, settings: Settings) -> OutboxEvent:
    """The alert for a transition of an anomaly episode."""
    event = anomaly_alert(episode, settings)
    return OutboxEvent(Topic.ALERTS, event.fingerprint, event.id, _encoder.encode(event))


def anomaly_alert(episode: Episode, settings: Settings) -> AlertEvent:
    """What on-call reads about an episode. A ticket: only a burning error budget pages."""
    return alert_event(
        AlertName.METRIC_ANOMALY,
        service=episode.service,
        severity=Severity.TICKET,
        state=episode.state,
        decision=episode.decision,
        starts_at_ns=episode.started_ns,
        ends_at_ns=episode.ended_ns if episode.state is AlertState.RESOLVED else None,
        entity=episode.entity,
        annotations=_annotations(episode, settings),
    )


def silence_outgoing(silence: Silence, settings: Settings) -> OutboxEvent:
    """The alert for an entity that fell silent, or its end when it speaks again."""
    firing = silence.state is AlertState.FIRING
    summary = f"{silence.entity} {'sends no metrics' if firing else 'sends metrics again'}"
    event = alert_event(
        AlertName.TELEMETRY_MISSING,
        service=silence.service,
        severity=Severity.TICKET,
        state=silence.state,
        decision=AlertDecision.FIRED if firing else AlertDecision.RESOLVED,
        starts_at_ns=silence.since_ns,
        ends_at_ns=None if firing else silence.at_ns,
        entity=silence.entity,
        annotations={
            Annotation.SUMMARY: summary,
            Annotation.DESCRIPTION: (
                f"Newest sample at {to_rfc3339(silence.since_ns)}; others of its partition went on until"
                f" {to_rfc3339(silence.at_ns)}."
            ),
            **_links(AlertName.TELEMETRY_MISSING, silence.service, silence.entity, settings),
        },
    )
    return OutboxEvent(Topic.ALERTS, event.fingerprint, event.id, _encoder.encode(event))


def _links(name: AlertName, service: str, entity: str, settings: Settings) -> dict[Annotation, str]:
    """Where a person goes on from an alert; no dashboard where nobody said where Grafana is."""
    links = {Annotation.RUNBOOK_URL: runbook_url(settings.runbook_url, name)}
    if settings.grafana_url:
        links[Annotation.DASHBOARD_URL] = dashboard_url(settings.grafana_url, {"service": service, "entity": entity})
    return links


def _annotations(episode: Episode, settings: Settings) -> dict[Annotation, str]:
    peak, expected = f"{episode.peak_score:.2f}", _expected_text(episode)
    texts = {
        Annotation.SUMMARY: f"{episode.entity}: {episode.cause_metric} is unusual (score {peak}, 1 is the threshold)",
        Annotation.DESCRIPTION: (
            f"Since {to_rfc3339(episode.started_ns)}; at the peak {to_rfc3339(episode.peak_ns)}"
            f" {episode.cause_metric} was {_number(episode.value)}, expected {expected}."
        ),
        Annotation.CAUSES: ", ".join(f"{name} {share:.0%}" for name, share in _shares(episode)),
        Annotation.SCORE: peak,
        Annotation.EXPECTED: expected,
        Annotation.MODEL_VERSION: episode.model_version,
        **_links(AlertName.METRIC_ANOMALY, episode.service, episode.entity, settings),
    }
    return {name: text for name, text in texts.items() if text}


def _shares(episode: Episode) -> list[tuple[str, float]]:
    """Causes as shares of the score, largest first."""
    total = sum(part for _, part in episode.causes)
    return [(name, part / total if total > 0 else 0.0) for name, part in episode.causes[:TOP_CAUSES]]


def _expected_text(episode: Episode) -> str:
    lower, upper = _number(episode.expected_lower), _number(episode.expected_upper)
    return f"{_number(episode.expected)} ({lower} to {upper})"


def _number(value: float | None) -> str:
    return "unknown" if value is None or not math.isfinite(value) else f"{value:.4g}"
