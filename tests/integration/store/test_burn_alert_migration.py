"""Migration 0010: what fires goes on firing in `burn_alert`, and the way back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config

from infra.local.services.postgres import Postgres
from infra.store.database import MIGRATIONS, Database
from infra.store.slo import burn_alerts
from infra.store.slo.summaries import read_summaries
from models.names import Annotation, Severity
from models.slo.burn_alert import BurnAlertKey

pytestmark = pytest.mark.integration

BEFORE, AFTER = "0009", "0010"
PAGE = BurnAlertKey("checkout", "latency", Severity.PAGE, "2m")
OLDER = BurnAlertKey("checkout", "latency", Severity.TICKET, "48m")
OVER = BurnAlertKey("checkout", "latency", Severity.TICKET, "144m")

AS_IT_WAS = """
INSERT INTO slo (name, service, target_ratio, document) VALUES ('latency', 'checkout', 0.99, '{}');
INSERT INTO slo_alert VALUES
    ('checkout', 'latency', 'page', '2m', '2026-05-01T10:00:00Z', '{"summary": "burns", "causes": "cpu_ratio 80%"}'),
    ('checkout', 'latency', 'ticket', '48m', '2026-05-01T09:00:00Z', '{"summary": "fired before causes were kept"}');
"""


@pytest.fixture
def before(postgres: Postgres) -> Iterator[tuple[Database, Config]]:
    """A database at the version before, and what migrates it."""
    name = f"migrated_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    database, config = Database(postgres.url(name)), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = postgres.url(name)
    command.upgrade(config, BEFORE)
    yield database, config
    database.close()
    postgres.drop_database(name)


def test_what_fires_goes_on_and_what_was_over_stays_so(before: tuple[Database, Config]) -> None:
    database, config = before
    with database.transaction() as cursor:
        cursor.execute(AS_IT_WAS)
        for key, started, ended in ((PAGE, "10:00", None), (OVER, "08:00", "08:30"), (OVER, "09:30", None)):
            cursor.execute(
                """INSERT INTO burn_alert (fingerprint, service, slo_name, severity, burn_window, started_at, ended_at,
                                           explained_at)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, now())""",
                (key.fingerprint, *key, f"2026-05-01T{started}Z", ended and f"2026-05-01T{ended}Z"),
            )
    command.upgrade(config, AFTER)
    with database.transaction() as cursor:
        firing = burn_alerts.load_firing(cursor)
        (summary,) = read_summaries(cursor)
        cursor.execute("SELECT to_regclass('slo_alert')")
        assert cursor.fetchone() == (None,)
    assert {key: alert.annotations for key, alert in firing.items()} == {
        PAGE: {Annotation.SUMMARY: "burns", Annotation.CAUSES: "cpu_ratio 80%"},
        OLDER: {Annotation.SUMMARY: "fired before causes were kept"},
    }
    assert [(alert.burn_window, alert.summary) for alert in summary.alerts] == [
        ("48m", "fired before causes were kept"),
        ("2m", "burns"),
    ]
    with database.transaction() as cursor:
        (older, page) = burn_alerts.firing(cursor)
    assert (older.fingerprint, page.fingerprint) == (OLDER.fingerprint, PAGE.fingerprint)
    assert older.explained_ns == 0, "its causes are ranked with the next evaluation"
    command.downgrade(config, BEFORE)
    with database.transaction() as cursor:
        cursor.execute("SELECT severity, burn_window, annotations->>'summary' FROM slo_alert ORDER BY burn_window")
        assert cursor.fetchall() == [("page", "2m", "burns"), ("ticket", "48m", "fired before causes were kept")]
