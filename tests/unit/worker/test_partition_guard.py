"""A partition rests longer and longer while its work fails, and is shown to rest."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from agents.worker import partition_guard
from agents.worker.partition_guard import LONGEST_REST_S, PartitionGuard


def stopped(registry: CollectorRegistry, agent: str, partition: str) -> float | None:
    return registry.get_sample_value("tidewatch_partition_stopped", {"agent": agent, "partition": partition})


async def test_a_partition_rests_up_to_a_minute_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(partition_guard.asyncio, "sleep", sleep)
    registry = CollectorRegistry()
    guard = PartitionGuard(registry)
    for _ in range(8):
        await guard.rest("watch", 3, ValueError("a defect"))
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_REST_S, LONGEST_REST_S]
    assert stopped(registry, "watch", "3") == 1
    assert stopped(registry, "watch", "4") is None
    assert stopped(registry, "ingest", "3") is None


async def test_what_goes_on_is_shown_no_more_and_begins_with_the_shortest_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def sleep(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(partition_guard.asyncio, "sleep", sleep)
    registry = CollectorRegistry()
    guard = PartitionGuard(registry)
    guard.goes_on("watch", 0)
    await guard.rest("watch", 0, ValueError())
    guard.goes_on("watch", 0)
    assert stopped(registry, "watch", "0") is None
    await guard.rest("watch", 0, ValueError())
    assert rests == [1.0, 1.0]


async def test_the_rest_can_be_ended_by_cancelling() -> None:
    guard = PartitionGuard(CollectorRegistry())
    resting = asyncio.create_task(guard.rest("watch", 0, ValueError()))
    await asyncio.sleep(0)
    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting
