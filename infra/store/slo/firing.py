"""Burn alerts that fire at present, and what they say, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.names import Annotation, Severity
from models.timestamps import from_datetime, to_datetime


class BurnAlertKey(NamedTuple):
    """Identity of a burn alert; `burn_window` is the long window of its pair."""

    service: str
    slo_name: str
    severity: Severity
    burn_window: str


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """Since when an alert fires, and what was said then."""

    started_at_ns: int
    annotations: dict[Annotation, str]


def load_firing(cursor: Cursor) -> dict[BurnAlertKey, FiringAlert]:
    """Every burn alert that fires."""
    cursor.execute("SELECT service, slo_name, severity, burn_window, started_at, annotations FROM slo_alert")
    return {
        BurnAlertKey(service, slo, Severity(severity), window): FiringAlert(
            from_datetime(started_at), {Annotation(name): text for name, text in annotations.items()}
        )
        for service, slo, severity, window, started_at, annotations in cursor.fetchall()
    }


def insert_firing(cursor: Cursor, key: BurnAlertKey, started_at_ns: int, annotations: Mapping[Annotation, str]) -> None:
    """Remember an alert that fires from now on."""
    cursor.execute(
        """INSERT INTO slo_alert (service, slo_name, severity, burn_window, started_at, annotations)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (*key, to_datetime(started_at_ns), Json(dict(annotations))),
    )


def delete_firing(cursor: Cursor, key: BurnAlertKey) -> None:
    """Forget an alert that has resolved."""
    cursor.execute(
        "DELETE FROM slo_alert WHERE service = %s AND slo_name = %s AND severity = %s AND burn_window = %s", key
    )


def annotations_of(cursor: Cursor, key: BurnAlertKey) -> dict[Annotation, str] | None:
    """What an alert says while it fires; None where it does not."""
    cursor.execute(
        "SELECT annotations FROM slo_alert WHERE service = %s AND slo_name = %s AND severity = %s AND burn_window = %s",
        key,
    )
    row = cursor.fetchone()
    return None if row is None else {Annotation(name): text for name, text in row[0].items()}


def amend(cursor: Cursor, key: BurnAlertKey, annotations: Mapping[Annotation, str]) -> None:
    """Let an alert that fires say something else from now on."""
    cursor.execute(
        """UPDATE slo_alert SET annotations = annotations || %s
           WHERE service = %s AND slo_name = %s AND severity = %s AND burn_window = %s""",
        (Json(dict(annotations)), *key),
    )
