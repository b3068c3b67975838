"""How SLOs stand: budget, burn rates, alerts that fire and why, what is excluded at present."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg2.extensions import cursor as Cursor

from infra.slo.exclusions import exclusion_json, lasting
from infra.store.slo import burn_alerts
from infra.store.slo.burn_alerts import BurnAlert
from infra.store.slo.summaries import FiringSummary, SloSummary, read_summaries
from models.errors import Misconfigured
from models.slo.exclusions import SloExclusion
from models.timestamps import to_rfc3339


@dataclass(frozen=True, slots=True)
class SloStatus:
    """One SLO as the SLO clock saw it last.

    Attributes:
        exclusions: pauses, silences and maintenance that last now.
        explained: alerts that fire, with their causes; None where nobody asked for them.
    """

    summary: SloSummary
    exclusions: tuple[SloExclusion, ...]
    explained: tuple[BurnAlert, ...] | None

    @property
    def fires(self) -> bool:
        """Whether any alert of the SLO fires."""
        return bool(self.summary.alerts)


def status(cursor: Cursor, now_ns: int, name: str | None = None, *, with_causes: bool = False) -> list[SloStatus]:
    """Every SLO in force, or one, by name; raises `Misconfigured` where there is none of this name."""
    summaries = [summary for summary in read_summaries(cursor) if name in (None, summary.name)]
    if name is not None and not summaries:
        raise Misconfigured(f"no SLO is called {name!r}; see `tidewatch slo list`")
    firing = burn_alerts.firing(cursor) if with_causes else []
    held = lasting(cursor, now_ns)
    return [
        SloStatus(
            summary,
            tuple(exclusion for exclusion in held if exclusion.slo_name == summary.name),
            tuple(alert for alert in firing if alert.slo_name == summary.name) if with_causes else None,
        )
        for summary in summaries
    ]


def status_json(found: SloStatus) -> dict[str, Any]:
    """`found` as JSON is made of."""
    summary = found.summary
    shown = {
        "slo": summary.name,
        "service": summary.service,
        "target_ratio": summary.target_ratio,
        "error_ratio": summary.error_ratio,
        "budget_remaining_ratio": summary.budget_remaining_ratio,
        "burn_rates": summary.burn_rates,
        "alerts": [_firing_json(alert) for alert in summary.alerts],
        "evaluated_at": summary.evaluated_at.isoformat() if summary.evaluated_at else None,
        "first_counted_at": summary.first_counted_at.isoformat() if summary.first_counted_at else None,
        "newest_counted_at": summary.newest_counted_at.isoformat() if summary.newest_counted_at else None,
        "exceptions": [exclusion_json(exclusion) for exclusion in found.exclusions],
    }
    if found.explained is not None:
        shown["causes"] = [_explained_json(alert) for alert in found.explained]
    return shown


def _firing_json(alert: FiringSummary) -> dict[str, Any]:
    return {
        "severity": alert.severity,
        "burn_window": alert.burn_window,
        "since": alert.started_at.isoformat(),
        "summary": alert.summary,
        "causes": alert.causes,
    }


def _explained_json(alert: BurnAlert) -> dict[str, Any]:
    return {
        "severity": alert.severity.value,
        "burn_window": alert.burn_window,
        "since": to_rfc3339(alert.started_ns),
        "burn_began": None if alert.burn_began_ns is None else to_rfc3339(alert.burn_began_ns),
        "ranked": to_rfc3339(alert.explained_ns),
        "causes": [msgspec.to_builtins(cause) for cause in alert.causes],
    }
