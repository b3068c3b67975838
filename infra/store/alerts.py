"""The newest known state of every alert, and which of it Alertmanager has taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from infra.store.pg_channels import notify
from models.names import AlertLabel, Annotation
from models.reasons import AlertState
from models.records import AlertEvent
from models.timestamps import to_datetime

CHANNEL: Final = "tidewatch_alerts"
"""PostgreSQL notification channel: `store` notifies, the sender listens."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert as it stands. Times are aware and of the event; `ends_at` is set once it is resolved.

    `event_id` names the transition that it stands at: another one has another id.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    state: AlertState
    starts_at: datetime
    ends_at: datetime | None
    event_id: str


def newest(events: Iterable[AlertEvent]) -> list[AlertEvent]:
    """The last transition of each alert: of its latest episode, resolved before firing, whatever order they came in."""
    last: dict[str, AlertEvent] = {}
    for event in events:
        known = last.get(event.fingerprint)
        if known is None or _order(event) > _order(known):
            last[event.fingerprint] = event
    return list(last.values())


def _order(event: AlertEvent) -> tuple[datetime, bool]:
    return datetime.fromisoformat(event.starts_at), event.state == AlertState.RESOLVED


def store(cursor: Cursor, events: Iterable[AlertEvent]) -> int:
    """Bring the alerts up to these transitions and wake the sender; how many alerts changed.

    Repeats and transitions older than what is stored change nothing, so any order and number of deliveries ends in the
    same state. A changed alert is not accepted by Alertmanager yet.

    Args:
        cursor: cursor of the caller's open transaction.
        events: with times in RFC 3339.
    """
    rows = [
        (e.fingerprint, Json(e.labels), Json(e.annotations), e.state, e.starts_at, e.ends_at, e.id)
        for e in sorted(newest(events), key=lambda event: event.fingerprint)  # same order everywhere: no deadlock
    ]
    if not rows:
        return 0
    changed = execute_values(
        cursor,
        """
        INSERT INTO alert (fingerprint, labels, annotations, state, starts_at, ends_at, event_id) VALUES %s
        ON CONFLICT (fingerprint) DO UPDATE SET
            labels = excluded.labels, annotations = excluded.annotations, state = excluded.state,
            starts_at = excluded.starts_at, ends_at = excluded.ends_at, event_id = excluded.event_id,
            accepted_at = NULL, updated_at = now()
        WHERE (excluded.starts_at, excluded.state = 'resolved') > (alert.starts_at, alert.state = 'resolved')
        RETURNING fingerprint
        """,
        rows,
        template="(%s, %s::jsonb, %s::jsonb, %s, %s::timestamptz, %s::timestamptz, %s)",
        page_size=1000,
        fetch=True,
    )
    if changed:
        notify(cursor, CHANNEL)
    return len(changed)


def amend(cursor: Cursor, fingerprint: str, starts_at_ns: int, annotations: Mapping[Annotation, str]) -> bool:
    """Let a firing alert say something else when it is renewed next; False where it is not here yet or over.

    Not a transition: identity, state and begin stay, so nothing goes through Kafka.
    """
    cursor.execute(
        """UPDATE alert SET annotations = annotations || %s, updated_at = now()
           WHERE fingerprint = %s AND starts_at = date_trunc('milliseconds', %s::timestamptz) AND state = 'firing'""",
        (Json(dict(annotations)), fingerprint, to_datetime(starts_at_ns)),
    )
    return cursor.rowcount == 1


_COLUMNS: Final = "labels, annotations, state, starts_at, ends_at, event_id"


def unaccepted(cursor: Cursor) -> list[StoredAlert]:
    """Alerts whose present state Alertmanager has not taken yet, oldest change first."""
    cursor.execute(f"SELECT {_COLUMNS} FROM alert WHERE accepted_at IS NULL ORDER BY updated_at")
    return _stored(cursor)


def to_renew(cursor: Cursor, resolve_repeat_s: float) -> list[StoredAlert]:
    """Alerts that Alertmanager has to be told of now and again: all that fire, all that it has not taken yet, and those
    whose resolve it first took less than `resolve_repeat_s` ago.
    """
    cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM alert
        WHERE state = 'firing' OR accepted_at IS NULL OR accepted_at > now() - make_interval(secs => %s)
        ORDER BY updated_at
        """,
        (resolve_repeat_s,),
    )
    return _stored(cursor)


def mark_accepted(cursor: Cursor, event_ids: Sequence[str]) -> None:
    """Record that Alertmanager took these transitions; the first time counts, and one that was overtaken does not."""
    cursor.execute(
        "UPDATE alert SET accepted_at = clock_timestamp() WHERE event_id = ANY(%s) AND accepted_at IS NULL",
        (list(event_ids),),
    )


def count_firing(cursor: Cursor) -> dict[tuple[str, str], int]:
    """Number of firing alerts by (service, severity)."""
    cursor.execute(
        "SELECT labels->>%s, labels->>%s, count(*) FROM alert WHERE state = 'firing' GROUP BY 1, 2",
        (AlertLabel.SERVICE.value, AlertLabel.SEVERITY.value),
    )
    return {(service, severity): number for service, severity, number in cursor.fetchall()}


def _stored(cursor: Cursor) -> list[StoredAlert]:
    return [
        StoredAlert(labels, annotations, AlertState(state), starts_at, ends_at, event_id)
        for labels, annotations, state, starts_at, ends_at, event_id in cursor.fetchall()
    ]
