"""SLOs in force with what the SLO clock saw last and which alerts fire: what a status display shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from infra.store.slo.windows import PERIOD


@dataclass(frozen=True, slots=True)
class FiringSummary:
    """One alert that fires."""

    severity: str
    burn_window: str
    started_at: datetime
    summary: str
    causes: str


@dataclass(frozen=True, slots=True)
class SloSummary:
    """One SLO. Ratios and rates are None where there were no events.

    Attributes:
        burn_rates: by name of the window, the whole period under `PERIOD`.
        evaluated_at: None before the first evaluation.
        first_counted_at, newest_counted_at: begin of the first and of the newest minute (or hour, where its minutes
            are gone) with events; None where nothing ever matched.
    """

    name: str
    service: str
    target_ratio: float
    error_ratio: float | None
    budget_remaining_ratio: float | None
    burn_rates: dict[str, float | None]
    alerts: list[FiringSummary]
    evaluated_at: datetime | None
    first_counted_at: datetime | None
    newest_counted_at: datetime | None


def read_summaries(cursor: Cursor) -> list[SloSummary]:
    """Summaries of every SLO in force, by name."""
    cursor.execute(
        """SELECT slo.name, service, target_ratio, period.error_ratio, period.budget_remaining_ratio,
                  (SELECT coalesce(jsonb_object_agg(burn_window, burn_rate), '{}')
                   FROM slo_status WHERE slo_id = slo.id),
                  CASE WHEN period.slo_id IS NOT NULL THEN (SELECT evaluated_at FROM slo_evaluation) END,
                  least((SELECT min(minute) FROM slo_minute WHERE slo_id = slo.id),
                        (SELECT min(hour) FROM slo_hour WHERE slo_id = slo.id)),
                  coalesce((SELECT max(minute) FROM slo_minute WHERE slo_id = slo.id),
                           (SELECT max(hour) FROM slo_hour WHERE slo_id = slo.id))
           FROM slo LEFT JOIN slo_status AS period ON period.slo_id = slo.id AND period.burn_window = %s
           WHERE slo.active ORDER BY slo.name""",
        (PERIOD,),
    )
    summaries = {
        name: SloSummary(name, service, target, error_ratio, budget, burn_rates, [], *times)
        for name, service, target, error_ratio, budget, burn_rates, *times in cursor.fetchall()
    }
    cursor.execute(
        """SELECT slo_name, severity, burn_window, started_at, annotations->>'summary', annotations->>'causes'
           FROM burn_alert WHERE ended_at IS NULL ORDER BY started_at, severity, burn_window"""
    )
    for name, *alert in cursor.fetchall():
        if name in summaries:
            summaries[name].alerts.append(FiringSummary(*alert))
    return list(summaries.values())
