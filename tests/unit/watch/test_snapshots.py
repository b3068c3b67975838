"""Snapshots are taken beside the stream: it goes on while they are written."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from agents.watch.partition_state import PartitionState, restore
from agents.watch.snapshots import Snapshots
from agents.worker.context import Context
from agents.worker.retry import Dependencies
from infra.settings import Settings
from infra.store import progress
from infra.store.database import Database
from infra.store.progress import Snapshot, StoredSnapshot
from models.errors import Unavailable
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from tests.clock import ManualClock
from tests.unit.streams import RULE

CONFIG = PipelineConfig(RULE)


class Disk:
    """Stands for `prepare_snapshot`: writes when it may, and fails when it is told to."""

    def __init__(self) -> None:
        self.may_write = threading.Event()
        self.fails = False
        self.bodies: list[bytes] = []

    def __call__(self, lake: str, topic: str, partition: int, snapshot: Snapshot) -> StoredSnapshot:
        assert self.may_write.wait(5)
        if self.fails:
            raise Unavailable("lake", "full")
        self.bodies.append(snapshot.body)
        return StoredSnapshot(snapshot.next_offset, "", len(snapshot.body), snapshot.body, None)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    stand_in = Disk()
    monkeypatch.setattr(progress, "prepare_snapshot", stand_in)
    return stand_in


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[float], Snapshots]]:
    threads = ThreadPoolExecutor(2)

    def snapshots(every_s: float) -> Snapshots:
        registry = CollectorRegistry()
        settings = Settings(kafka="none:1", home=tmp_path, snapshot_every_s=every_s)
        context = Context(
            settings,
            cast(Database, None),
            registry,
            threads,
            Dependencies(registry, ManualClock().steady_s),
            ManualClock(),
        )
        return Snapshots(context, "samples")

    yield snapshots
    threads.shutdown()


def _at(position: int) -> PartitionState:
    return PartitionState(0, Pipeline(CONFIG), position, None, None, {"metrics:0": position - 1})


async def _written(snapshots: Snapshots, state: PartitionState) -> StoredSnapshot:
    async with asyncio.timeout(5):
        while (found := snapshots.take_written(state)) is None:
            await asyncio.sleep(0.001)
    return found


async def test_the_stream_goes_on_while_a_snapshot_is_written(make: Callable[[float], Snapshots], disk: Disk) -> None:
    snapshots, state = make(0.0), _at(10)
    await snapshots.begin_if_due(state)
    state.position, state.source_high = 20, {"metrics:0": 19}
    assert snapshots.take_written(state) is None
    disk.may_write.set()
    found = await _written(snapshots, state)
    assert found.next_offset == 10
    again = restore(disk.bodies[0], 0, CONFIG, 10, 20)
    assert again.source_high == {"metrics:0": 9}


async def test_a_snapshot_waits_until_the_one_before_it_has_its_row(
    make: Callable[[float], Snapshots], disk: Disk
) -> None:
    snapshots, state = make(0.0), _at(10)
    disk.may_write.set()
    await snapshots.begin_if_due(state)
    first = await _written(snapshots, state)
    state.position = 20
    await snapshots.begin_if_due(state)
    assert await _written(snapshots, state) is first
    await snapshots.stored(state, first)
    await snapshots.begin_if_due(state)
    assert (await _written(snapshots, state)).next_offset == 20


async def test_no_snapshot_is_begun_before_it_is_time(make: Callable[[float], Snapshots], disk: Disk) -> None:
    snapshots, state = make(1e9), _at(10)
    await snapshots.begin_if_due(state)
    assert snapshots.under_way == {}


async def test_one_that_could_not_be_written_is_due_again_at_once(
    make: Callable[[float], Snapshots], disk: Disk
) -> None:
    snapshots, state = make(0.0), _at(10)
    disk.fails = True
    disk.may_write.set()
    await snapshots.begin_if_due(state)
    await asyncio.wait(snapshots.under_way.values(), timeout=5)
    assert snapshots.take_written(state) is None
    disk.fails = False
    await snapshots.begin_if_due(state)
    assert (await _written(snapshots, state)).next_offset == 10


async def test_what_was_on_its_way_is_forgotten_with_the_partition(
    make: Callable[[float], Snapshots], disk: Disk
) -> None:
    snapshots, state = make(0.0), _at(10)
    await snapshots.begin_if_due(state)
    on_its_way = list(snapshots.under_way.values())
    snapshots.forget(state)
    disk.may_write.set()
    await asyncio.wait(on_its_way, timeout=5)
    assert snapshots.take_written(state) is None
