"""Every burn alert: what it says, when its burn began, its causes as ranked last, in PostgreSQL.

The table `burn_alert` alone says which burn alerts fire: those without an end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.names import Annotation, Severity
from models.reasons import TransitionReason
from models.slo.burn_alert import BurnAlertKey, FiringAlert
from models.slo.causes.rank import Cause
from models.slo.causes.shifts import Shift
from models.timestamps import from_datetime, to_datetime

_COLUMNS = (
    "fingerprint, service, slo_name, severity, burn_window, started_at, ended_at, burn_began_at, causes::text,"
    " explained_at, shifts::text, annotations"
)
_causes = msgspec.json.Decoder(list[Cause])
_shifts = msgspec.json.Decoder(list[Shift])


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """One burn alert from its begin to its end; times in nanoseconds since the epoch.

    Attributes:
        annotations: what it says, or said last.
        ended_ns: None while it fires.
        burn_began_ns: change point of the bad events; None where none was found.
        explained_ns: when its causes were ranked last; 0 where they were not yet.
        shifts: what the samples showed when they were looked at last.
    """

    fingerprint: str
    service: str
    slo_name: str
    severity: Severity
    burn_window: str
    started_ns: int
    ended_ns: int | None
    burn_began_ns: int | None
    causes: tuple[Cause, ...]
    explained_ns: int
    shifts: tuple[Shift, ...] = ()
    annotations: Mapping[Annotation, str] = field(default_factory=dict)


def load_firing(cursor: Cursor) -> dict[BurnAlertKey, FiringAlert]:
    """Since when every alert that fires does, and what it says."""
    cursor.execute(
        "SELECT service, slo_name, severity, burn_window, started_at, annotations FROM burn_alert"
        " WHERE ended_at IS NULL ORDER BY started_at, fingerprint"
    )
    return {
        BurnAlertKey(service, slo, Severity(severity), window): FiringAlert(
            from_datetime(started_at), _annotations(annotations)
        )
        for service, slo, severity, window, started_at, annotations in cursor.fetchall()
    }


def insert(cursor: Cursor, alert: BurnAlert) -> None:
    """Remember an alert that fires from now on; while it does, it cannot begin once more.

    One that ended and began at the very same moment of a clock that was set back goes on.
    """
    cursor.execute(
        """INSERT INTO burn_alert (fingerprint, service, slo_name, severity, burn_window, started_at, burn_began_at,
                                   causes, explained_at, annotations)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (fingerprint, started_at) DO UPDATE SET ended_at = NULL, end_reason = NULL,
               annotations = excluded.annotations""",
        (
            alert.fingerprint,
            alert.service,
            alert.slo_name,
            alert.severity.value,
            alert.burn_window,
            to_datetime(alert.started_ns),
            None if alert.burn_began_ns is None else to_datetime(alert.burn_began_ns),
            msgspec.json.encode(alert.causes).decode(),
            to_datetime(alert.explained_ns),
            Json(dict(alert.annotations)),
        ),
    )


def end(cursor: Cursor, fingerprint: str, ended_ns: int, reason: TransitionReason) -> None:
    """Remember that the alert fires no more, and why; its causes stay as they were ranked last."""
    cursor.execute(
        "UPDATE burn_alert SET ended_at = %s, end_reason = %s WHERE fingerprint = %s AND ended_at IS NULL",
        (to_datetime(ended_ns), reason.value, fingerprint),
    )


def explained(
    cursor: Cursor, alert: BurnAlert, causes: Sequence[Cause], said: Mapping[Annotation, str], now_ns: int
) -> None:
    """Replace the causes of an alert by those ranked now, and when its burn began by what it says.

    Args:
        said: the annotations in which it says something else from now on.
    """
    cursor.execute(
        "UPDATE burn_alert SET causes = %s, burn_began_at = %s, explained_at = %s, annotations = annotations || %s"
        " WHERE fingerprint = %s AND started_at = %s",
        (
            msgspec.json.encode(causes).decode(),
            None if alert.burn_began_ns is None else to_datetime(alert.burn_began_ns),
            to_datetime(now_ns),
            Json(dict(said)),
            alert.fingerprint,
            to_datetime(alert.started_ns),
        ),
    )


def firing_explained_before(cursor: Cursor, before_ns: int, limit: int) -> list[BurnAlert]:
    """Alerts that fire and whose causes were ranked before a moment, the longest ago first."""
    return _read(
        cursor,
        "ended_at IS NULL AND explained_at <= %s",
        (to_datetime(before_ns), limit),
        order="explained_at, started_at, fingerprint LIMIT %s",
    )


def to_look_at(cursor: Cursor, before_ns: int, limit: int) -> list[BurnAlert]:
    """Alerts that fire, were explained, and whose samples were never looked at, or before a moment; the longest unseen
    first."""
    return _read(
        cursor,
        "ended_at IS NULL AND explained_at > 'epoch' AND (looked_at IS NULL OR looked_at <= %s)",
        (to_datetime(before_ns), limit),
        order="looked_at NULLS FIRST, started_at, fingerprint LIMIT %s",
    )


def looked_at(cursor: Cursor, service: str, shifts: Sequence[Shift] | None, now_ns: int) -> None:
    """Remember what the samples around the burns of a service show; None: they could not be read."""
    cursor.execute(
        "UPDATE burn_alert SET looked_at = %s, shifts = coalesce(%s::jsonb, shifts) WHERE service = %s"
        " AND ended_at IS NULL",
        (to_datetime(now_ns), None if shifts is None else msgspec.json.encode(shifts).decode(), service),
    )


def firing(cursor: Cursor) -> list[BurnAlert]:
    """Alerts that fire, oldest first."""
    return _read(cursor, "ended_at IS NULL", ())


def of_service_between(cursor: Cursor, service: str, start_ns: int, end_ns: int) -> list[BurnAlert]:
    """Alerts of a service that fired in a time range, oldest first."""
    return _read(
        cursor,
        "service = %s AND started_at <= %s AND (ended_at IS NULL OR ended_at >= %s)",
        (service, to_datetime(end_ns), to_datetime(start_ns)),
    )


def _read(
    cursor: Cursor, condition: str, parameters: tuple[object, ...], order: str = "started_at, fingerprint"
) -> list[BurnAlert]:
    cursor.execute(f"SELECT {_COLUMNS} FROM burn_alert WHERE {condition} ORDER BY {order}", parameters)
    return [
        BurnAlert(
            identity,
            service,
            slo,
            Severity(severity),
            window,
            from_datetime(started),
            None if ended is None else from_datetime(ended),
            None if began is None else from_datetime(began),
            tuple(_causes.decode(causes)),
            from_datetime(at),
            tuple(_shifts.decode(shifts)),
            _annotations(said),
        )
        for identity, service, slo, severity, window, started, ended, began, causes, at, shifts, said in (
            cursor.fetchall()
        )
    ]


def _annotations(stored: Mapping[str, str]) -> dict[Annotation, str]:
    return {Annotation(name): text for name, text in stored.items()}
