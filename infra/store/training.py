"""Training requests and what became of them; which model each service serves; what training has to leave out.

The table `training` is the trainer's queue: a request is stored before its record is acknowledged, and is open until it
has an outcome. So a request waits out a cool-down, an outage or the death of its worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from infra.store import feedback, outbox
from infra.store.outbox import OutboxEvent
from models.alerting.feedback import with_marks
from models.labels import IncidentWindow
from models.names import CHAMPION_ALIAS, AlertLabel, AlertName, Severity, Topic
from models.reasons import PromotionReason, RetrainReason, TrainingOutcome
from models.records import ModelEvent, RetrainEvent
from models.timestamps import from_datetime, to_datetime, to_rfc3339
from models.training.queue import LastTraining

SAW_DATA = (TrainingOutcome.PROMOTED.value, TrainingOutcome.KEPT_CHAMPION.value)
"""Outcomes of trainings that took place: they start a cool-down and answer requests about what they saw."""


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request without an outcome. `asked_ns` is the event time of its evidence, nanoseconds."""

    id: str
    service: str
    reason: RetrainReason
    evidence: Mapping[str, Any]
    asked_ns: int
    attempts: int


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The version that a service's workers should serve, as announced last."""

    service: str
    version: str
    sha256: str
    artifact: str
    promoted_ns: int


@dataclass(frozen=True, slots=True)
class Finished:
    """How a request ended.

    Attributes:
        reason: why its challenger was promoted or not; None where there was none.
        trained_to_ns: None where nothing was trained.
    """

    outcome: TrainingOutcome
    detail: str
    reason: PromotionReason | None = None
    version: str | None = None
    metrics: Mapping[str, float] | None = None
    trained_to_ns: int | None = None


def champion_lock(service: str) -> str:
    """Name of the advisory lock that whoever moves a service's champion holds."""
    return f"tidewatch-champion:{service}"


def ask(cursor: Cursor, events: Iterable[RetrainEvent]) -> int:
    """Store requests; how many were new. One that is there already stays as it is."""
    rows = [(e.id, e.service, e.reason, Json(e.evidence), e.asked_at) for e in events]
    if not rows:
        return 0
    stored = execute_values(
        cursor,
        "INSERT INTO training (id, service, reason, evidence, asked_at) VALUES %s "
        "ON CONFLICT (id) DO NOTHING RETURNING id",
        rows,
        fetch=True,
    )
    return len(stored)


def due(cursor: Cursor, now_ns: int, limit: int = 100) -> list[OpenRequest]:
    """Open requests that wait for nothing more, oldest first."""
    cursor.execute(
        "SELECT id, service, reason, evidence, asked_at, attempts FROM training "
        "WHERE outcome IS NULL AND (not_before IS NULL OR not_before <= %s) ORDER BY asked_at, id LIMIT %s",
        (to_datetime(now_ns), limit),
    )
    return [
        OpenRequest(row[0], row[1], RetrainReason(row[2]), row[3], from_datetime(row[4]), row[5])
        for row in cursor.fetchall()
    ]


def is_open(cursor: Cursor, request_id: str) -> bool:
    """Whether the request still has no outcome."""
    cursor.execute("SELECT outcome IS NULL FROM training WHERE id = %s", (request_id,))
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def postpone(cursor: Cursor, request_id: str, not_before_ns: int, detail: str) -> None:
    """Let an open request wait, and say why."""
    cursor.execute(
        "UPDATE training SET not_before = %s, detail = %s WHERE id = %s AND outcome IS NULL",
        (to_datetime(not_before_ns), detail, request_id),
    )


def start(cursor: Cursor, request_id: str, now_ns: int) -> None:
    """Count an attempt at an open request."""
    cursor.execute(
        "UPDATE training SET attempts = attempts + 1, started_at = coalesce(started_at, %s) "
        "WHERE id = %s AND outcome IS NULL",
        (to_datetime(now_ns), request_id),
    )


def finish(cursor: Cursor, request_id: str, finished: Finished, now_ns: int) -> bool:
    """Give an open request its outcome; False where it has one already: then nothing else may follow from this one."""
    cursor.execute(
        "UPDATE training SET outcome = %s, promotion_reason = %s, detail = %s, version = %s, metrics = %s, "
        "trained_to = %s, finished_at = %s WHERE id = %s AND outcome IS NULL",
        (
            finished.outcome.value,
            None if finished.reason is None else finished.reason.value,
            finished.detail,
            finished.version,
            Json(dict(finished.metrics or {})),
            None if finished.trained_to_ns is None else to_datetime(finished.trained_to_ns),
            to_datetime(now_ns),
            request_id,
        ),
    )
    return cursor.rowcount == 1


def last_training(cursor: Cursor, service: str) -> LastTraining | None:
    """The newest training of a service that took place."""
    cursor.execute(
        "SELECT id, finished_at, trained_to FROM training WHERE service = %s AND outcome = ANY(%s) "
        "ORDER BY finished_at DESC LIMIT 1",
        (service, list(SAW_DATA)),
    )
    row = cursor.fetchone()
    return None if row is None else LastTraining(row[0], from_datetime(row[1]), from_datetime(row[2]))


def serve(cursor: Cursor, served: ServedModel, metrics: Mapping[str, float], cause: str) -> None:
    """Make a version the one that its service serves, and announce it to the workers through the outbox.

    `metrics` are the figures it was promoted on; `cause` is the id of the request or command that led to it.
    """
    cursor.execute(
        "INSERT INTO serving (service, version, sha256, artifact, promoted_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (service) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256, "
        "artifact = excluded.artifact, promoted_at = excluded.promoted_at",
        (served.service, served.version, served.sha256, served.artifact, to_datetime(served.promoted_ns)),
    )
    event = ModelEvent(
        id=f"{cause}:{served.version}",
        service=served.service,
        version=served.version,
        alias=CHAMPION_ALIAS,
        metrics=dict(metrics),
        sha256=served.sha256,
        artifact=served.artifact,
        at=to_rfc3339(served.promoted_ns),
    )
    outbox.put(cursor, [OutboxEvent(Topic.MODELS, served.service, event.id, msgspec.json.encode(event))])


def serving(cursor: Cursor) -> list[ServedModel]:
    """What every service serves."""
    cursor.execute("SELECT service, version, sha256, artifact, promoted_at FROM serving ORDER BY service")
    return [ServedModel(row[0], row[1], row[2], row[3], from_datetime(row[4])) for row in cursor.fetchall()]


def incident_windows(
    cursor: Cursor, service: str, from_ns: int, to_ns: int, *, with_open_episodes: bool
) -> list[IncidentWindow]:
    """What must not be learnt as normal: anomaly episodes, and times in which an SLO of the service paged, without
    what people called noise and with what they say was missed.

    Args:
        from_ns, to_ns: event times that matter.
        with_open_episodes: whether an episode that still goes on counts. After a confirmed change of distribution it is
            that change, which is to be learnt; a change that burns an error budget at page speed is not.
    """
    cursor.execute(
        "SELECT entity, started_at, ended_at FROM anomaly WHERE service = %s AND started_at < %s "
        "AND (ended_at > %s OR (ended_at IS NULL AND %s))",
        (service, to_datetime(to_ns), to_datetime(from_ns), with_open_episodes),
    )
    episodes = [_window(row[0], row[1], row[2], to_ns, suspected=True) for row in cursor.fetchall()]
    cursor.execute(
        "SELECT starts_at, ends_at FROM alert WHERE labels @> %s AND starts_at < %s AND coalesce(ends_at, %s) > %s",
        (_pages(service), to_datetime(to_ns), to_datetime(to_ns), to_datetime(from_ns)),
    )
    pages = [_window("", row[0], row[1], to_ns, suspected=False) for row in cursor.fetchall()]
    return with_marks(episodes + pages, feedback.marks_between(cursor, service, from_ns, to_ns))


def is_paging(cursor: Cursor, service: str) -> bool:
    """Whether an SLO of the service pages at present."""
    cursor.execute("SELECT EXISTS (SELECT FROM alert WHERE labels @> %s AND state = 'firing')", (_pages(service),))
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def _pages(service: str) -> Json:
    return Json(
        {
            AlertLabel.ALERTNAME.value: AlertName.SLO_BURN_RATE.value,
            AlertLabel.SERVICE.value: service,
            AlertLabel.SEVERITY.value: Severity.PAGE.value,
        }
    )


def _window(entity: str, start: datetime, end: datetime | None, to_ns: int, *, suspected: bool) -> IncidentWindow:
    # the last row of an episode is anomalous as well
    end_ns = to_ns if end is None else from_datetime(end) + 1
    return IncidentWindow(entity, from_datetime(start), end_ns, suspected)
