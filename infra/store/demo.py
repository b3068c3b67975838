"""What the demo reads of a running system: newest rows for its view, and when each link of a chain happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from psycopg2.extensions import cursor as Cursor

from models.names import AlertName, Severity, Topic
from models.reasons import RetrainReason, TrainingOutcome

VIEWS: Final[Mapping[str, str]] = {
    "alerts": """
        SELECT labels->>'alertname' AS name, labels->>'service' AS service, coalesce(labels->>'entity', '') AS entity,
               coalesce(labels->>'slo', '') AS slo, coalesce(labels->>'burn_window', '') AS burn_window,
               labels->>'severity' AS severity, state, starts_at, ends_at, annotations->>'summary' AS summary
        FROM alert WHERE labels->>'alertname' <> 'Watchdog' ORDER BY state, updated_at DESC LIMIT 12""",
    "budgets": """
        SELECT s.name, s.service, s.target_ratio,
               max(st.budget_remaining_ratio) AS budget_remaining_ratio,
               max(st.burn_rate) FILTER (WHERE st.burn_window <> 'period') AS worst_burn_rate
        FROM slo s LEFT JOIN slo_status st ON st.slo_id = s.id WHERE s.active GROUP BY s.id ORDER BY s.name""",
    "anomalies": """
        SELECT service, entity, started_at, ended_at, peak_score, cause_metric, value, expected FROM anomaly
        ORDER BY started_at DESC LIMIT 8""",
    "drifts": "SELECT service, entity, series, detector, at FROM drift ORDER BY at DESC LIMIT 5",
    "trainings": """
        SELECT DISTINCT ON (service) service, reason, outcome FROM training
        WHERE outcome IS NULL OR service NOT IN (SELECT service FROM serving) ORDER BY service, asked_at DESC""",
    "serving": """
        SELECT s.service, s.version, s.promoted_at, t.reason
        FROM serving s LEFT JOIN training t ON t.service = s.service AND t.version = s.version ORDER BY s.service""",
}
"""Query of each part of the view; its rows are dictionaries of the columns."""


def view(cursor: Cursor, part: str) -> list[dict[str, Any]]:
    """Rows of one part of the view, a key of `VIEWS`."""
    cursor.execute(VIEWS[part])
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def page_began(cursor: Cursor, slo_name: str, since: datetime) -> datetime | None:
    """When the first page of an SLO began that began after a moment; None while there is none."""
    cursor.execute(
        """SELECT min(starts_at) FROM alert WHERE labels->>'alertname' = %s AND labels->>'slo' = %s
               AND labels->>'severity' = %s AND starts_at >= %s""",
        (AlertName.SLO_BURN_RATE, slo_name, Severity.PAGE, since),
    )
    return _moment(cursor)


def drift_confirmed(cursor: Cursor, service: str, since: datetime) -> datetime | None:
    """When the first drift of a service after a moment was confirmed; None while there is none."""
    cursor.execute("SELECT min(at) FROM drift WHERE service = %s AND at >= %s", (service, since))
    return _moment(cursor)


def retraining_asked(cursor: Cursor, service: str, reason: RetrainReason, since: datetime) -> datetime | None:
    """When a retraining of a service was first asked for, after a moment and for this reason; None while it was not."""
    cursor.execute(
        """SELECT min(created_at) FROM outbox
           WHERE topic = %s AND key = %s AND created_at >= %s AND position(%s IN convert_from(value, 'UTF8')) > 0""",
        (Topic.RETRAIN, service, since, f'"{reason}"'),
    )
    return _moment(cursor)


def promoted_for(cursor: Cursor, service: str, reason: RetrainReason, since: datetime) -> tuple[datetime, str] | None:
    """When the first training asked for since then, for this reason, ended in a promotion, and of which version."""
    cursor.execute(
        """SELECT finished_at, version FROM training
           WHERE service = %s AND reason = %s AND asked_at >= %s AND outcome = %s ORDER BY finished_at LIMIT 1""",
        (service, reason, since, TrainingOutcome.PROMOTED),
    )
    row = cursor.fetchone()
    return None if row is None else (row[0], str(row[1]))


def _moment(cursor: Cursor) -> datetime | None:
    row = cursor.fetchone()
    moment: datetime | None = row[0] if row else None
    return moment
