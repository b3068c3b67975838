"""Verdicts on alerts, the thresholds that follow from them, and the alerts that can be judged, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from models.alerting.feedback import Mark, Verdict
from models.names import AlertLabel
from models.timestamps import from_datetime, to_datetime


@dataclass(frozen=True, slots=True)
class StoredMark:
    """A verdict with who gave it and whether it still stands."""

    mark: Mark
    alertname: str
    fingerprint: str
    note: str
    marked_ns: int
    marked_by: str
    undone_ns: int | None
    undone_by: str | None


@dataclass(frozen=True, slots=True)
class ThresholdMove:
    """A change of a service's threshold factor, and the verdict that it followed from."""

    service: str
    changed_ns: int
    changed_by: str
    before: float
    after: float
    feedback_id: int


_COLUMNS = (
    "id, verdict, service, entity, slo_name, starts_at, ends_at, peak, alertname, fingerprint, note, marked_at,"
    " marked_by, undone_at, undone_by"
)


def insert(cursor: Cursor, stored: StoredMark) -> int | None:
    """Store a verdict, whatever its `mark.id`; its id, or None where one stands on the same episode of the alert."""
    mark = stored.mark
    cursor.execute(
        """INSERT INTO feedback (verdict, service, entity, slo_name, alertname, fingerprint, starts_at, ends_at, peak,
                                 note, marked_at, marked_by)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (fingerprint, starts_at) WHERE undone_at IS NULL AND fingerprint <> '' DO NOTHING
           RETURNING id""",
        (
            mark.verdict.value,
            mark.service,
            mark.entity,
            mark.slo_name,
            stored.alertname,
            stored.fingerprint,
            to_datetime(mark.start_ns),
            to_datetime(mark.end_ns),
            mark.peak,
            stored.note,
            to_datetime(stored.marked_ns),
            stored.marked_by,
        ),
    )
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def undo(cursor: Cursor, feedback_id: int, undone_by: str, now_ns: int) -> Mark | None:
    """Take a verdict back; None where there is none that stands under this id."""
    cursor.execute(
        f"UPDATE feedback SET undone_at = %s, undone_by = %s WHERE id = %s AND undone_at IS NULL RETURNING {_COLUMNS}",
        (to_datetime(now_ns), undone_by, feedback_id),
    )
    found = _stored(cursor)
    return found[0].mark if found else None


def load(cursor: Cursor, service: str | None = None, *, with_undone: bool = False) -> list[StoredMark]:
    """Verdicts, oldest first, of one service or all."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM feedback WHERE (%(service)s IS NULL OR service = %(service)s)"
        " AND (%(undone)s OR undone_at IS NULL) ORDER BY id",
        {"service": service, "undone": with_undone},
    )
    return _stored(cursor)


def marks_between(cursor: Cursor, service: str, from_ns: int, to_ns: int) -> list[Mark]:
    """Verdicts that stand on a time range of a service, by id."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM feedback WHERE service = %s AND undone_at IS NULL AND starts_at < %s AND ends_at > %s"
        " ORDER BY id",
        (service, to_datetime(to_ns), to_datetime(from_ns)),
    )
    return [stored.mark for stored in _stored(cursor)]


def _stored(cursor: Cursor) -> list[StoredMark]:
    return [
        StoredMark(
            Mark(id_, Verdict(verdict), service, entity, slo, from_datetime(start), from_datetime(end), peak),
            alertname,
            fingerprint,
            note,
            from_datetime(marked_at),
            marked_by,
            None if undone_at is None else from_datetime(undone_at),
            undone_by,
        )
        for (
            id_,
            verdict,
            service,
            entity,
            slo,
            start,
            end,
            peak,
            alertname,
            fingerprint,
            note,
            marked_at,
            marked_by,
            undone_at,
            undone_by,
        ) in cursor.fetchall()
    ]


# thresholds


def thresholds(cursor: Cursor) -> dict[str, float]:
    """Factor of every service that ever had one other than 1."""
    cursor.execute("SELECT service, factor FROM threshold")
    return {service: float(factor) for service, factor in cursor.fetchall()}


def lock_threshold(cursor: Cursor, service: str) -> float:
    """Factor of a service, locked until the transaction ends: two people who mark at once follow one another."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tidewatch-threshold'), hashtext(%s))", (service,))
    return thresholds(cursor).get(service, 1.0)


def move_threshold(cursor: Cursor, move: ThresholdMove) -> None:
    """Set a service's factor, which workers take up within a second, and log it."""
    at = to_datetime(move.changed_ns)
    cursor.execute(
        "INSERT INTO threshold (service, factor, changed_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (service) DO UPDATE SET factor = excluded.factor, changed_at = excluded.changed_at",
        (move.service, move.after, at),
    )
    cursor.execute(
        "INSERT INTO threshold_history (service, changed_at, changed_by, before, after, feedback_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (move.service, at, move.changed_by, move.before, move.after, move.feedback_id),
    )


def threshold_moves(cursor: Cursor, service: str | None = None) -> list[ThresholdMove]:
    """Every change of a threshold, oldest first."""
    cursor.execute(
        "SELECT service, changed_at, changed_by, before, after, feedback_id FROM threshold_history"
        " WHERE %(service)s IS NULL OR service = %(service)s ORDER BY id",
        {"service": service},
    )
    return [
        ThresholdMove(name, from_datetime(at), by, before, after, int(because))
        for name, at, by, before, after, because in cursor.fetchall()
    ]


# alerts that can be judged


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """An alert that a verdict can be about; times in nanoseconds since the epoch, the end None while it fires."""

    fingerprint: str
    alertname: str
    service: str
    entity: str
    slo_name: str
    severity: str
    summary: str
    start_ns: int
    end_ns: int | None
    verdict: Verdict | None


def known_alerts(cursor: Cursor, alertnames: Sequence[str], since_ns: int) -> list[KnownAlert]:
    """Alerts of some names that fire or ended after a moment, and what was said about them; the newest first."""
    cursor.execute(
        """SELECT alert.fingerprint, labels, annotations->>'summary', alert.starts_at, alert.ends_at, verdict
           FROM alert LEFT JOIN feedback ON feedback.fingerprint = alert.fingerprint
               AND feedback.starts_at = alert.starts_at AND undone_at IS NULL
           WHERE labels->>'alertname' = ANY(%s) AND (alert.ends_at IS NULL OR alert.ends_at >= %s)
           ORDER BY alert.starts_at DESC, alert.fingerprint""",
        (list(alertnames), to_datetime(since_ns)),
    )
    return [
        KnownAlert(
            fingerprint,
            labels[AlertLabel.ALERTNAME.value],
            labels[AlertLabel.SERVICE.value],
            labels.get(AlertLabel.ENTITY.value, ""),
            labels.get(AlertLabel.SLO.value, ""),
            labels[AlertLabel.SEVERITY.value],
            summary or "",
            from_datetime(start),
            None if end is None else from_datetime(end),
            None if verdict is None else Verdict(verdict),
        )
        for fingerprint, labels, summary, start, end, verdict in cursor.fetchall()
    ]
