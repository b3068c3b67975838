"""A decided event's whole way to on-call: outbox, Kafka, notify agent, Alertmanager, webhook; in worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from infra.store import outbox
from infra.store.database import Database
from infra.store.outbox import OutboxEvent
from models.names import AlertName, Topic
from models.reasons import AlertState
from models.records import AlertEvent
from tests.integration.alerting.on_call import OnCall, on_call, transition
from tests.integration.faust_app import eventually
from tests.integration.worker_process import WorkerProcess

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
BURN = AlertName.SLO_BURN_RATE
START_S = 90.0  # a worker's start on a busy machine, and the session timeout of the one that was killed


@pytest.fixture
def pager(tmp_path: Path) -> Iterator[OnCall]:
    with on_call(tmp_path) as created:
        yield created


@pytest.fixture
def worker(tmp_path: Path, kafka: str, topic_prefix: str, postgres_url: str, pager: OnCall) -> WorkerProcess:
    """A worker with the role `notify` that does not run yet."""
    environment = {
        "TIDEWATCH_HOME": str(tmp_path),
        "TIDEWATCH_KAFKA": kafka,
        "TIDEWATCH_TOPIC_PREFIX": topic_prefix,
        "TIDEWATCH_GROUP": f"{topic_prefix}group",
        "TIDEWATCH_DATABASE_URL": postgres_url,
        "TIDEWATCH_ALERTMANAGER_URL": pager.url,
        "TIDEWATCH_ALERT_RESEND_S": "1",
    }
    return WorkerProcess(tmp_path, "notify", environment)


def decide(database: Database, event: AlertEvent) -> None:
    """Do what an agent does that decided a transition."""
    with database.transaction() as cursor:
        outbox.put(cursor, [OutboxEvent(Topic.ALERTS, event.fingerprint, event.id, msgspec.json.encode(event))])


def delays_s(database: Database, *, accepted: bool = True) -> dict[str, float | None]:
    """Event id → seconds from its transaction's start to Alertmanager's acceptance, for the alerts that are stored."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT event_id, extract(epoch FROM accepted_at - created_at)::float8"
            " FROM alert JOIN outbox USING (event_id)"
        )
        found: dict[str, float | None] = dict(cursor.fetchall())
    return {key: value for key, value in found.items() if not accepted or value is not None}


async def test_a_worker_killed_between_kafka_and_alertmanager_loses_no_alert_and_repeats_none(
    worker: WorkerProcess, database: Database, pager: OnCall
) -> None:
    now_ns = time.time_ns()
    first, second = (transition(FIRING, service=service, starts_at_ns=now_ns) for service in ("checkout", "search"))
    with worker:  # Alertmanager is down
        decide(database, first)
        await eventually(lambda: first.id in delays_s(database, accepted=False), START_S)
        worker.kill()
    decide(database, second)
    pager.start()
    with worker:
        await eventually(lambda: set(delays_s(database)) == {first.id, second.id}, START_S)
        for service in ("checkout", "search"):
            await pager.wait_notified(FIRING, BURN, service=service)
            decide(database, transition(RESOLVED, service=service, starts_at_ns=now_ns))
        for service in ("checkout", "search"):
            await pager.wait_notified(RESOLVED, BURN, service=service)
    for service in ("checkout", "search"):
        assert len(pager.notified(FIRING, BURN, service=service)) == 1
        assert len(pager.notified(RESOLVED, BURN, service=service)) == 1


async def test_a_decided_event_is_accepted_by_alertmanager_within_two_seconds_and_the_worker_stops_cleanly(
    worker: WorkerProcess, database: Database, pager: OnCall
) -> None:
    pager.start()
    now_ns = time.time_ns()
    with worker:
        for number in range(21):
            event = transition(FIRING, service=f"service-{number}", starts_at_ns=now_ns)
            await asyncio.to_thread(decide, database, event)
            await eventually(lambda wanted=event.id: wanted in delays_s(database), START_S)
        assert worker.stop() == 0
    delays = [delay for delay in delays_s(database).values() if delay is not None]
    warm = sorted(delays)[:-1]  # the first one waits for the worker's start
    print(f"event decided to alert accepted, s: median {warm[10]:.3f}, largest {warm[-1]:.3f}")
    assert len(warm) == 20
    assert warm[-1] < 2.0
