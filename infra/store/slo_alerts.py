"""Burn alerts that fire at present, and the anomalies that explain them, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.names import Annotation, Severity
from models.slo.causes import Anomaly
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


def anomalies_between(cursor: Cursor, service: str, start_ns: int, end_ns: int) -> list[Anomaly]:
    """Anomaly episodes of a service that overlap a time range, those still open included."""
    cursor.execute(
        """SELECT entity, peak_score, cause_metric, causes, value, expected, expected_lower, expected_upper,
                  model_version
           FROM anomaly WHERE service = %s AND started_at <= %s AND (ended_at IS NULL OR ended_at >= %s)
           ORDER BY started_at, id""",
        (service, to_datetime(end_ns), to_datetime(start_ns)),
    )
    return [
        Anomaly(entity, peak, metric, [(str(m), float(s)) for m, s in causes], value, expected, lower, upper, version)
        for entity, peak, metric, causes, value, expected, lower, upper, version in cursor.fetchall()
    ]
