"""Alerts from the table to a real Alertmanager and on to on-call's webhook."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.notify.agent import store_alerts
from agents.notify.sender import HOLD_INTERVALS
from infra.alerting.alertmanager import Alertmanager
from infra.local.services.postgres import Postgres
from infra.store.database import Database
from models.names import AlertName, Severity
from models.reasons import AlertState
from models.records import AlertEvent
from tests.integration.alerting.on_call import OnCall, on_call, sending, transition
from tests.integration.faust_app import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
BURN, ANOMALY = AlertName.SLO_BURN_RATE, AlertName.METRIC_ANOMALY
ACCEPTED = {"metric": "tidewatch_alerts_sent_total", "outcome": "accepted"}


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[OnCall]:
    """An Alertmanager that does not run yet."""
    with on_call(tmp_path) as created:
        yield created


@pytest.fixture
def running_pager(pager: OnCall) -> OnCall:
    pager.start()
    return pager


@pytest.fixture
def started_ns() -> int:
    return time.time_ns()


def accepted(database: Database, event: AlertEvent) -> bool:
    with database.transaction() as cursor:
        cursor.execute("SELECT accepted_at IS NOT NULL FROM alert WHERE event_id = %s", (event.id,))
        row = cursor.fetchone()
    return bool(row and row[0])


async def test_a_firing_alert_reaches_on_call_with_its_annotations_and_is_marked_accepted(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    event = transition(FIRING, starts_at_ns=started_ns, summary="budget burns 14 times too fast")
    async with sending(running_pager.url, postgres_url) as worker:
        store_alerts(database, [event])
        received = await running_pager.wait_notified(FIRING, BURN, service="checkout")
        assert received.notification.receiver == "page"
        assert received.notification.alerts[0].annotations == event.annotations
        await worker.wait_value(lambda value: value == 1, "tidewatch_dependency_up", dependency="alertmanager")
        await eventually(lambda: accepted(database, event))
        await worker.wait_value(
            lambda value: value == 1, "tidewatch_alerts_active", service="checkout", severity="page"
        )


async def test_renewals_hold_an_alert_beyond_its_end_and_notify_nobody_again(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url) as worker:
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
        sent = worker.value(**ACCEPTED) or 0
        renewed = sent + 2 * (2 * HOLD_INTERVALS)  # the alert and the watchdog, twice as long as one post holds
        await worker.wait_value(lambda value: (value or 0) >= renewed, **ACCEPTED)
        client = Alertmanager(running_pager.url)
        assert len(await client.alerts('service="checkout"')) == 1
    assert len(running_pager.notified(FIRING, BURN)) == 1
    assert not running_pager.notified(RESOLVED, BURN)


async def test_an_alert_ends_by_itself_when_nobody_renews_it(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url):
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
    await running_pager.wait_notified(RESOLVED, BURN)


async def test_a_resolve_keeps_all_annotations_and_is_repeated_without_a_second_notification(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url) as worker:
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
        resolve = transition(RESOLVED, starts_at_ns=started_ns)
        store_alerts(database, [resolve])
        received = await running_pager.wait_notified(RESOLVED, BURN)
        assert received.notification.alerts[0].annotations == resolve.annotations
        repeated = (worker.value(**ACCEPTED) or 0) + 2 * 4  # four rounds of the resolve and the watchdog
        await worker.wait_value(lambda value: (value or 0) >= repeated, **ACCEPTED)
        assert worker.value("tidewatch_alerts_active", service="checkout", severity="page") is None
    assert len(running_pager.notified(RESOLVED, BURN)) == 1


async def test_what_was_decided_while_alertmanager_was_down_is_delivered_when_it_is_back(
    pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    event = transition(FIRING, starts_at_ns=started_ns)
    async with sending(pager.url, postgres_url) as worker:
        store_alerts(database, [event])
        await worker.wait_value(lambda value: value == 0, "tidewatch_dependency_up", dependency="alertmanager")
        await worker.wait_value(lambda value: (value or 0) >= 2, "tidewatch_alerts_sent_total", outcome="unavailable")
        assert not accepted(database, event)
        pager.start()
        await pager.wait_notified(FIRING, BURN)
        await worker.wait_value(lambda value: value == 1, "tidewatch_dependency_up", dependency="alertmanager")
        await eventually(lambda: accepted(database, event))


async def test_alertmanager_is_told_everything_again_after_its_restart_and_on_call_only_once(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    # a post holds for four seconds: on a busy machine a renewal may be late by one
    async with sending(running_pager.url, postgres_url, resend_s=1.0) as worker:
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
        await running_pager.wait_noted()
        running_pager.stop()
        await worker.wait_value(lambda value: value == 0, "tidewatch_dependency_up", dependency="alertmanager")
        running_pager.start()  # it forgets alerts, but remembers whom it notified
        store_alerts(database, [transition(FIRING, service="search", starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN, service="search")
        client = Alertmanager(running_pager.url)
        assert len(await client.alerts('service="checkout"')) == 1
    assert len(running_pager.notified(FIRING, BURN, service="checkout")) == 1


async def test_the_page_of_a_service_silences_its_anomalies_and_no_other_services(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    def anomaly(service: str) -> AlertEvent:
        return transition(
            FIRING,
            name=ANOMALY,
            severity=Severity.TICKET,
            service=service,
            entity=f"{service}/i-1",
            starts_at_ns=started_ns,
        )

    async with sending(running_pager.url, postgres_url):
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN, service="checkout")
        store_alerts(database, [anomaly("checkout"), anomaly("search")])
        await running_pager.wait_notified(FIRING, ANOMALY, service="search")
        client = Alertmanager(running_pager.url)
        (inhibited,) = await client.alerts('alertname="MetricAnomaly"', 'service="checkout"')
    assert inhibited["status"]["state"] == "suppressed"
    assert not running_pager.notified(FIRING, ANOMALY, service="checkout")


async def test_the_watchdog_always_fires(running_pager: OnCall, postgres_url: str) -> None:
    async with sending(running_pager.url, postgres_url):
        received = await running_pager.wait_notified(FIRING, AlertName.WATCHDOG)
    assert received.notification.receiver == "watchdog"


async def test_an_alert_that_alertmanager_refuses_does_not_hold_back_the_others(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    good = transition(FIRING, starts_at_ns=started_ns)
    bad = AlertEvent(
        id="bad:1",
        fingerprint="bad",
        state="firing",
        labels={"not a label name": "x"},
        annotations={},
        starts_at=good.starts_at,
        ends_at=None,
        decision="fired",
    )
    async with sending(running_pager.url, postgres_url) as worker:
        store_alerts(database, [bad, good])
        await running_pager.wait_notified(FIRING, BURN)
        await worker.wait_value(lambda value: value == 1, "tidewatch_alerts_sent_total", outcome="refused")
        before = worker.value(**ACCEPTED) or 0
        await worker.wait_value(lambda value: (value or 0) >= before + 4, **ACCEPTED)
        assert worker.value("tidewatch_alerts_sent_total", outcome="refused") == 1
    assert not accepted(database, bad)


async def test_a_second_worker_sends_only_once_the_first_is_gone(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url) as first:
        await first.wait_value(lambda value: (value or 0) >= 1, **ACCEPTED)
        async with sending(running_pager.url, postgres_url) as second:
            store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
            await running_pager.wait_notified(FIRING, BURN)
            assert second.value(**ACCEPTED) == 0
            await first.stop()
            await second.wait_value(lambda value: (value or 0) >= 2, **ACCEPTED)


async def test_an_outage_of_postgresql_resolves_nothing(
    running_pager: OnCall, postgres: Postgres, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url) as worker:
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
        with closed_to_everybody(postgres, database):
            await worker.wait_value(lambda value: value == 0, "tidewatch_dependency_up", dependency="postgresql")
            renewed = (worker.value(**ACCEPTED) or 0) + 2 * (2 * HOLD_INTERVALS)
            await worker.wait_value(lambda value: (value or 0) >= renewed, **ACCEPTED)
        assert not running_pager.notified(RESOLVED, BURN)
        store_alerts(database, [transition(RESOLVED, starts_at_ns=started_ns)])
        await running_pager.wait_notified(RESOLVED, BURN)
    assert len(running_pager.notified(FIRING, BURN)) == 1


@contextlib.contextmanager
def closed_to_everybody(server: Postgres, database: Database) -> Iterator[None]:
    """End every connection to the database and refuse new ones meanwhile."""
    with database.transaction() as cursor:
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone() or ("",)
    database.close()
    other = Database(server.url("postgres"))
    with other.transaction() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    with other.transaction() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    try:
        yield
    finally:
        with other.transaction() as cursor:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        other.close()


async def test_a_connection_that_postgresql_ends_is_replaced(
    running_pager: OnCall, postgres_url: str, database: Database, started_ns: int
) -> None:
    async with sending(running_pager.url, postgres_url) as worker:
        await worker.wait_value(lambda value: (value or 0) >= 1, **ACCEPTED)
        with database.transaction() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        store_alerts(database, [transition(FIRING, starts_at_ns=started_ns)])
        await running_pager.wait_notified(FIRING, BURN)
