"""The whole product once: real services, a fault on this machine, two simulated ones, and everything that follows."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from infra.demo.run import run
from infra.grafana.answers import QueryAnswer, ask
from infra.grafana.queries import dashboard_queries
from infra.settings import Settings, load
from infra.store.database import Database

DASHBOARD_SPAN = timedelta(minutes=15)


PATIENT = ("When budgets will be gone", "What people said", "Paused, silenced, in maintenance")
"""Panels that need hours of burning, or people; their queries must run, but a demo of minutes may leave them empty."""


@pytest.mark.acceptance
@pytest.mark.timeout(600)
def test_every_link_from_fault_to_resolved_alert_and_from_drift_to_new_model_is_seen_and_the_dashboard_shows_it(
    services_home: Path,
) -> None:
    unanswered: list[str] = []

    def ask_the_dashboard(settings: Settings, database: Database) -> None:
        now = datetime.now(UTC)
        answers = ask(dashboard_queries(), settings.prometheus_url, database, now - DASHBOARD_SPAN, now)
        unanswered.extend(answer.problem for answer in answers if answer.problem and not _may_be_empty(answer))

    said = io.StringIO()
    home = services_home / "demo"
    everything_seen = run(load(home=home), Console(file=said, width=160), once=True, on_seen=ask_the_dashboard)

    assert everything_seen, f"{said.getvalue()}\n{_logs(home)}"
    assert unanswered == [], said.getvalue()


def _may_be_empty(answer: QueryAnswer) -> bool:
    return not answer.error and any(title in answer.query.place for title in PATIENT)


def _logs(home: Path) -> str:
    """The end of every log, for a failure that nobody can repeat."""
    logs = sorted((home / "once" / "logs").glob("*.log"))
    return "\n".join(f"== {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]) for log in logs)
