"""Micro-batches of several partitions in the hands of one agent."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest
from faust.types import TP

from agents.kafka.fetched import Fetched
from agents.kafka.micro_batch import Deliveries, MicroBatch, side_by_side
from agents.kafka.records import FetchedRecord


class Stream:
    """Stands for Faust's: gives what is put into it, and lasts."""

    enable_acks = True

    def __init__(self, batches: Sequence[MicroBatch]) -> None:
        self._batches = batches

    async def __aiter__(self) -> AsyncIterator[MicroBatch]:
        for batch in self._batches:
            yield batch
        await asyncio.Event().wait()


def batches(deliveries: Deliveries, partition: int, n: int) -> list[MicroBatch]:
    tp = TP("in", partition)
    return [
        MicroBatch(
            tp, Fetched.of_records(tp, [FetchedRecord(*tp, at, 0, None, b"")]), deliveries, deliveries.hand_out(at, at)
        )
        for at in range(n)
    ]


def deliveries() -> Deliveries:
    return Deliveries(0, lambda: None)


async def until_idle(agent: asyncio.Task[None]) -> None:
    for _ in range(50):
        await asyncio.sleep(0)
    assert not agent.done()
    agent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await agent


async def test_partitions_do_not_wait_for_each_other_and_each_keeps_its_order() -> None:
    held, offsets = asyncio.Event(), defaultdict[int, list[int]](list)
    busy: set[int] = set()

    async def process(batch: MicroBatch) -> None:
        assert batch.partition not in busy, "two batches of one partition at once"
        busy.add(batch.partition)
        if batch.partition == 0:
            await held.wait()
        await asyncio.sleep(0)
        offsets[batch.partition].append(batch.first_offset)
        busy.discard(batch.partition)
        if len(offsets[1]) == 3:
            held.set()

    stream = cast(Any, Stream([*batches(deliveries(), 0, 3), *batches(deliveries(), 1, 3)]))
    await until_idle(asyncio.create_task(side_by_side(stream, process)))
    assert list(offsets.items()) == [(1, [0, 1, 2]), (0, [0, 1, 2])]
    assert not stream.enable_acks


async def test_a_failure_is_raised_as_it_is_and_nothing_goes_on_after_it() -> None:
    begun: list[tuple[int, int]] = []

    async def process(batch: MicroBatch) -> None:
        begun.append((batch.partition, batch.first_offset))
        await asyncio.sleep(0)
        if (batch.partition, batch.first_offset) == (0, 1):
            raise RuntimeError("cannot")
        if batch.partition == 1:
            await asyncio.Event().wait()

    stream = cast(Any, Stream([*batches(deliveries(), 0, 4), *batches(deliveries(), 1, 2)]))
    with pytest.raises(RuntimeError, match="cannot"):
        await asyncio.wait_for(side_by_side(stream, process), 10)
    assert sorted(begun) == [(0, 0), (0, 1), (1, 0)]


async def test_what_became_stale_while_it_waited_is_left_out() -> None:
    ledger, offsets = deliveries(), list[int]()

    async def process(batch: MicroBatch) -> None:
        offsets.append(batch.first_offset)
        await asyncio.sleep(0)
        ledger.live = False

    stream = cast(Any, Stream(batches(ledger, 0, 3)))
    await until_idle(asyncio.create_task(side_by_side(stream, process)))
    assert offsets == [0]
