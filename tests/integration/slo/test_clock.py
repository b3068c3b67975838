"""The SLO clock as a role: one worker at a time evaluates and shows gauges; PostgreSQL may be away for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from prometheus_client import CollectorRegistry
from psycopg2.extensions import cursor as Cursor

from agents.slo_clock import SloClock
from agents.worker.context import Context
from agents.worker.retry import Dependencies
from infra.settings import load
from infra.store.database import Database
from infra.store.slo import definitions as slos
from models.errors import Unavailable
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from tests.clock import ManualClock

pytestmark = pytest.mark.integration

NOW_S = 1_780_000_020
DEADLINE_S = 20.0
SLO = Slo(
    "latency",
    "checkout",
    0.99,
    TimeWindow(1, WindowUnit.DAY),
    ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0),
)


@pytest.fixture
def burning(database: Database) -> Database:
    """A database with one SLO, half of whose newest events are bad."""
    with database.transaction() as cursor:
        slos.apply(cursor, [SLO], changed_by="test")
        cursor.execute("INSERT INTO slo_minute SELECT id, to_timestamp(%s), 50, 100 FROM slo", (NOW_S - 60,))
    return database


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[CollectorRegistry]:
    """A clock that ticks every 50 ms, its present standing still, in a worker of its own; its registry."""
    registry = CollectorRegistry()
    settings = load(slo_clock_interval_s=0.05)
    with ThreadPoolExecutor(1) as threads:
        context = Context(
            settings,
            database,
            registry,
            threads,
            Dependencies(registry, ManualClock().steady_s),
            ManualClock(NOW_S * 10**9),
        )
        task = asyncio.create_task(SloClock(context).serve())
        try:
            yield registry
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def burn_rate(registry: CollectorRegistry) -> float | None:
    labels = {"service": "checkout", "slo": "latency", "burn_window": "2m"}
    return registry.get_sample_value("tidewatch_slo_burn_rate", labels)


def decided(registry: CollectorRegistry, decision: str) -> float:
    labels = {"kind": "slo", "decision": decision}
    return registry.get_sample_value("tidewatch_alert_decisions_total", labels) or 0.0


async def test_it_evaluates_again_and_again_and_alerts_once(burning: Database) -> None:
    async with running(burning) as registry:
        await until(lambda: decided(registry, "renewed") >= 8)
        assert decided(registry, "fired") == 4
        assert burn_rate(registry) == pytest.approx(50.0)
        both = {"service": "checkout", "slo": "latency"}
        assert registry.get_sample_value("tidewatch_slo_budget_remaining_ratio", both) == pytest.approx(1 - 50 / 1440)
        ratio = registry.get_sample_value("tidewatch_slo_error_ratio", {**both, "burn_window": "period"})
        assert ratio == pytest.approx(0.5)
        for window in ("5m", "30m", "1h", "2h", "6h", "1d"):  # what Sloth's dashboards ask for, whatever the period
            labels = {**both, "burn_window": window}
            assert registry.get_sample_value("tidewatch_slo_error_ratio", labels) == pytest.approx(0.5)
        assert registry.get_sample_value("tidewatch_slo_target_ratio", both) == 0.99
        assert registry.get_sample_value("tidewatch_slo_period_days", both) == 1.0
    with burning.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM outbox WHERE topic = 'alerts'")
        assert cursor.fetchone() == (4,)


async def test_a_second_worker_shows_nothing_until_the_first_is_gone(burning: Database) -> None:
    async with running(burning) as first:
        await until(lambda: burn_rate(first) is not None)
        async with running(burning) as second:
            evaluated = decided(first, "renewed")
            await until(lambda: decided(first, "renewed") >= evaluated + 40)
            assert burn_rate(second) is None
    async with running(burning) as third:
        await until(lambda: burn_rate(third) is not None)


class Unreliable(Database):
    """The database, away while `away` is true."""

    away = False

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        if self.away:
            self.connection().close()
            raise Unavailable("PostgreSQL", "gone fishing")
        with super().transaction() as cursor:
            yield cursor


async def test_an_outage_of_postgresql_is_waited_out_and_shown(burning: Database, postgres_url: str) -> None:
    unreliable = Unreliable(postgres_url)
    unreliable.away = True
    try:
        async with running(unreliable) as registry:

            def up() -> float | None:
                return registry.get_sample_value("tidewatch_dependency_up", {"dependency": "postgresql"})

            await until(lambda: up() == 0)
            assert burn_rate(registry) is None
            unreliable.away = False
            await until(lambda: up() == 1 and burn_rate(registry) is not None)
            assert decided(registry, "fired") == 4
    finally:
        unreliable.close()
