"""Anomaly episodes as evidence for what burned a budget."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2.extensions import cursor as Cursor

from models.slo.causes.rank import Evidence
from models.timestamps import to_datetime


def evidence_between(cursor: Cursor, services: Sequence[str], start_ns: int, end_ns: int) -> list[Evidence]:
    """Every series of every anomaly episode of these services that overlaps a time range, open episodes included."""
    cursor.execute(
        """SELECT service, entity, s.metric, s.part / sum(s.part) OVER (PARTITION BY id), s.onset_ns,
                  s.value, s.expected, s.expected_lower, s.expected_upper, peak_score, model_version
           FROM anomaly CROSS JOIN LATERAL jsonb_to_recordset(anomaly.series) AS s (
               metric text, part float8, onset_ns int8, value float8, expected float8, expected_lower float8,
               expected_upper float8)
           WHERE service = ANY(%s) AND started_at <= %s AND coalesce(ended_at, 'infinity'::timestamptz) >= %s
           ORDER BY started_at, id, s.part DESC, s.metric""",
        (list(services), to_datetime(end_ns), to_datetime(start_ns)),
    )
    return [Evidence(*row) for row in cursor.fetchall()]


def peak_score(cursor: Cursor, anomaly_id: str) -> float | None:
    """Highest score of one anomaly episode; None where there is none under this id."""
    cursor.execute("SELECT peak_score FROM anomaly WHERE id = %s", (anomaly_id,))
    row = cursor.fetchone()
    return None if row is None else float(row[0])
