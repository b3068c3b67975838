"""Patience with dependencies: what is waited out, and when a dependency counts as down."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from agents.worker.retry import HANGING_S, Dependencies
from models.errors import Rejected, Unavailable
from models.reasons import RejectReason
from tests.clock import ManualClock


def gauge(registry: CollectorRegistry, dependency: str) -> float | None:
    return registry.get_sample_value("tidewatch_dependency_up", {"dependency": dependency})


async def test_what_is_unavailable_is_called_again_until_it_answers() -> None:
    registry = CollectorRegistry()
    attempts = 0

    async def call() -> str:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise Unavailable("Kafka", "away")
        return "answer"

    assert await Dependencies(registry, ManualClock().steady_s).until_available("kafka", call) == "answer"
    assert attempts == 3
    assert gauge(registry, "kafka") == 1
    assert registry.get_sample_value("tidewatch_commit_retries_total", {"dependency": "kafka"}) == 2


async def test_what_the_data_is_to_blame_for_is_raised_at_once() -> None:
    async def call() -> None:
        raise Rejected(RejectReason.UNSTORABLE)

    registry = CollectorRegistry()
    with pytest.raises(Rejected):
        await Dependencies(registry, ManualClock().steady_s).until_available("postgresql", call)
    assert gauge(registry, "postgresql") == 1


async def test_one_partition_that_fails_is_not_hidden_by_another_that_succeeds() -> None:
    registry = CollectorRegistry()
    dependencies = Dependencies(registry, ManualClock().steady_s)
    failed = asyncio.Event()

    async def fails() -> None:
        failed.set()
        raise Unavailable("PostgreSQL", "refuses")

    async def succeeds() -> None:
        return None

    failing = asyncio.create_task(dependencies.until_available("postgresql", fails))
    await failed.wait()
    await asyncio.sleep(0)
    for _ in range(3):
        await dependencies.until_available("postgresql", succeeds)
        assert gauge(registry, "postgresql") == 0
    failing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await failing
    assert gauge(registry, "postgresql") == 1


async def test_a_call_that_hangs_counts_as_down_until_it_is_answered() -> None:
    clock, registry = ManualClock(), CollectorRegistry()
    dependencies = Dependencies(registry, clock.steady_s)
    answer = asyncio.Event()

    async def hangs() -> None:
        await answer.wait()

    hanging = asyncio.create_task(dependencies.until_available("postgresql", hangs))
    await asyncio.sleep(0)
    clock.advance(HANGING_S - 0.1)
    assert gauge(registry, "postgresql") == 1
    clock.advance(0.2)
    assert gauge(registry, "postgresql") == 0
    answer.set()
    await hanging
    assert gauge(registry, "postgresql") == 1


async def test_a_dependency_is_named_as_long_as_a_call_of_it_waits() -> None:
    dependencies, answers, seen = Dependencies(CollectorRegistry(), lambda: 0.0), [False, False, True], []

    async def call() -> None:
        seen.append(dependencies.waiting())
        if not answers.pop(0):
            raise Unavailable("Kafka", "away")

    await dependencies.until_available("kafka", call)
    assert seen == [[], ["kafka"], ["kafka"]]
    assert dependencies.waiting() == []
