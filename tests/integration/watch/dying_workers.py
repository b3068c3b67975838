"""Ingest and watch over a log in memory, whose worker can die or stall between any two of its steps.

The agents are the real ones; Kafka, PostgreSQL and the lake are lists and dicts that keep what a broker, a committed
transaction and a written file keep when a process dies. A step is every call of a thread and every record that the
broker takes, so a micro-batch can be half published, published and not committed, committed and not acknowledged.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.ingest import agent as ingest
from agents.kafka.aiokafka_seams import Batch, RecordBatch
from agents.kafka.fetched import Fetched
from agents.kafka.micro_batch import Deliveries, MicroBatch
from agents.kafka.publisher import Outgoing
from agents.kafka.records import FetchedRecord, Packed
from agents.watch import agent as watch
from agents.watch.partition_state import ModelRef, PartitionState
from agents.worker.context import Context
from agents.worker.retry import Dependencies
from agents.worker.serving_models import Served
from infra.clock import SystemClock
from infra.pipeline_config import pipeline_config
from infra.settings import Settings
from infra.store import feedback, progress
from infra.store.database import Database
from infra.store.parking import Parked
from infra.store.progress import Fenced, ModelSwap, Resume, Snapshot
from infra.store.slo import definitions as slos
from infra.store.slo.definitions import StoredSlos
from infra.store.watch import Effects
from models.names import Topic
from models.pipeline.pipeline import Pipeline
from models.service_model.model import ServiceModel
from models.wire.sample_records import decode

PARTITIONS = 2
NEVER = 10**9
MOST_CUTS = 4
"""Records of one call after which a worker may die: ingest writes fewer, and of many scores any few are like any
others."""


class Killed(BaseException):
    """`kill -9`: nothing of the process runs after it."""


@dataclass(frozen=True)
class Stored:
    """A record as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    value: bytes
    timestamp: int
    key: bytes | None = None


@dataclass
class Rows:
    """What PostgreSQL holds of one partition of `samples`."""

    next_offset: int | None = None
    snapshot: Snapshot | None = None
    swaps: list[ModelSwap] = field(default_factory=list)
    all_swaps: list[ModelSwap] = field(default_factory=list)


@dataclass
class World:
    """What outlives a worker. A model of the service is announced once so many records are acknowledged."""

    settings: Settings
    slos: StoredSlos
    now_ms: int
    log: dict[tuple[str, int], list[Stored]] = field(default_factory=lambda: defaultdict(list))
    committed: int = 0
    rows: dict[int, Rows] = field(default_factory=lambda: defaultdict(Rows))
    minutes: Counter[tuple[int, bool]] = field(default_factory=Counter)
    episodes: dict[str, tuple[float, bool]] = field(default_factory=dict)
    outbox: list[str] = field(default_factory=list)
    announced: ServiceModel | None = None
    announced_after: int = NEVER

    def append(self, topic: Topic, partition: int, value: bytes) -> None:
        name = self.settings.topic(topic)
        there = self.log[name, partition]
        there.append(Stored(name, partition, len(there), value, self.now_ms))

    def records(self, topic: Topic, partition: int = 0) -> list[Stored]:
        return self.log[self.settings.topic(topic), partition]

    def commit(self, effects: Effects) -> None:
        """The transaction of `infra.store.watch.commit`: all of it or, where the offset has moved, nothing."""
        rows = self.rows[effects.partition]
        if rows.next_offset != effects.expected:
            raise Fenced(effects.topic, effects.partition, effects.expected, rows.next_offset)
        rows.next_offset = effects.next_offset
        counts = effects.slo_counts
        for minute_s, good, total in zip(
            counts.minute_s.tolist(), counts.good.tolist(), counts.total.tolist(), strict=True
        ):
            self.minutes[minute_s, True] += good
            self.minutes[minute_s, False] += total
        for episode in effects.episodes:
            self.episodes[episode.id] = (episode.peak_score, episode.ended_ns is not None)
        self.outbox.extend(event.event_id for event in effects.events)
        rows.swaps.extend(effects.swaps)
        rows.all_swaps.extend(effects.swaps)
        if effects.snapshot is not None:
            body = cast(bytes, effects.snapshot.body)
            rows.snapshot = Snapshot(effects.snapshot.next_offset, body)
            rows.swaps = [swap for swap in rows.swaps if swap.at_offset >= effects.snapshot.next_offset]

    def resume(self, partition: int) -> Resume:
        rows = self.rows[partition]
        return Resume(rows.next_offset, {}, rows.snapshot, list(rows.swaps)) if rows.next_offset else Resume()


@dataclass
class Steps:
    """Counts the steps of one worker; at one of them it dies, or stalls until it is let go.

    `each` is called before every step: what goes on beside the agents.
    """

    dies_at: int = NEVER
    stalls_at: int = NEVER
    taken: int = 0
    each: Callable[[], None] = lambda: None
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self) -> None:
        self.each()
        self.taken += 1
        if self.taken >= self.dies_at:
            raise Killed
        if self.taken == self.stalls_at:
            self.stalled.set()
            await self.released.wait()


@dataclass(frozen=True)
class SteppedContext(Context):
    """Blocking calls happen at once, with a step before and one after."""

    steps: Steps = field(default_factory=Steps)

    async def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        await self.steps.take()
        result = function(*args, **kwargs)
        await self.steps.take()
        return result


class WorldDatabase:
    """Stands for `Database`: the cursor is the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def transaction(self) -> Iterator[World]:
        yield self._world


def records_of(packed: Packed) -> Fetched:
    """The records of a batch, as a consumer gets them."""
    body = RecordBatch(packed)._build()
    batch = Batch(body, 0, len(body))
    assert batch.validate_crc()
    return Fetched.of_batches(TP(packed.topic, packed.partition), [batch], 0)


class WorldPublisher:
    """Stands for `Publisher`: in order, so that a death leaves the first ones."""

    def __init__(self, world: World, steps: Steps) -> None:
        self._world, self._steps = world, steps

    async def publish(self, records: Sequence[Outgoing], packed: Sequence[Packed] = ()) -> None:
        unpacked = [Outgoing(r.topic, r.value, r.key) for r in chain.from_iterable(map(records_of, packed))]
        for number, record in enumerate([*unpacked, *records]):
            if number < MOST_CUTS:
                await self._steps.take()
            topic = Topic(record.topic.removeprefix(self._world.settings.topic_prefix))
            self._world.append(topic, record.partition or 0, record.value or b"")
        await self._steps.take()

    async def partitions(self, topic: str) -> int:
        return PARTITIONS

    async def close(self) -> None:
        pass


class WorldLake:
    """Stands for `LakeFeed`: what waits is written, and acknowledged, when it is told to."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    async def add(self, columns: object, source: str, offsets: object, written: Callable[[], None]) -> None:
        self._waiting.append(written)

    def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for written in waiting:
            written()


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the agents' calls of the store go to the world that their cursor is."""
    monkeypatch.setattr(progress, "load", lambda world, topic, partition: world.resume(partition))
    monkeypatch.setattr(progress, "next_offset", lambda world, topic, partition: world.rows[partition].next_offset)
    monkeypatch.setattr(progress, "delete_old_files", lambda *_: None)
    monkeypatch.setattr(slos, "revision", lambda world: world.slos.revision)
    monkeypatch.setattr(slos, "load", lambda world: world.slos)
    monkeypatch.setattr(feedback, "thresholds", lambda _: {})

    def commit(database: WorldDatabase, effects: Effects, *, repeated: bool) -> list[Parked]:
        with database.transaction() as world:
            world.commit(effects)
        return []

    monkeypatch.setattr(watch, "commit", commit)
    monkeypatch.setattr(watch, "reposition", lambda life, topic, partition: life.deliveries.pop(partition))


@dataclass(frozen=True, slots=True)
class WorldClock(SystemClock):
    """A wall clock that stands still a minute after the world's records, and the machine's steady one."""

    records_ms: int

    def now_ns(self) -> int:
        return (self.records_ms + 60_000) * 1_000_000


class Life:
    """One worker from its start to its death, or until nothing is left to do."""

    def __init__(self, world: World, steps: Steps, chance: random.Random) -> None:
        self.world, self.steps, self._chance = world, steps, chance
        registry = CollectorRegistry()
        context = SteppedContext(
            world.settings,
            cast(Database, WorldDatabase(world)),
            registry,
            cast(ThreadPoolExecutor, None),
            Dependencies(registry, SystemClock().steady_s),
            WorldClock(world.now_ms),
            steps=steps,
        )
        publisher, self._lake = WorldPublisher(world, steps), WorldLake()
        self._ingest = ingest.Ingest(context)
        self._ingest.publisher, self._ingest.feed = cast(Any, publisher), cast(Any, self._lake)
        self.watch = watch.Watch(cast(Any, self), context)
        self.watch.publisher = cast(Any, publisher)
        self.watch.loader.files = cast(Any, self)
        self._models = context.models
        self._source = Deliveries(world.committed, lambda: None)
        self.deliveries: dict[int, Deliveries] = {}
        steps.each = self._commit

    def load(self, version: str, artifact: str, sha256: str) -> ServiceModel:
        """Stands for `ModelFiles`."""
        assert self.world.announced is not None
        assert self.world.announced.version == version
        return self.world.announced

    async def run(self) -> None:
        """Do what a worker does, one thing at a time in an order by chance, until everything is done."""
        while not self.done:
            self._look_for_models()
            await asyncio.sleep(0)  # what goes on beside the stream takes a few of its steps
            thing = self._chance.randrange(6)
            if thing < 2:
                await self._take_in()
            elif thing < 5:
                await self._fold(self._chance.randrange(PARTITIONS))
            else:
                self._lake.flush()

    @property
    def done(self) -> bool:
        return self._source.position == len(self.world.records(Topic.METRICS)) and all(
            (state := self.watch.partitions.get(partition)) is not None
            and state.position == state.stored == len(self.world.records(Topic.SAMPLES, partition))
            for partition in range(PARTITIONS)
        )

    def _commit(self) -> None:
        self.world.committed = max(self.world.committed, self._source.committable)

    def states(self) -> dict[int, bytes]:
        """What it holds of each partition in the end, but for the SLOs, which no snapshot is asked for."""
        for state in self.watch.partitions.values():
            state.pipeline.use_slos(())
        return {number: state.snapshot() for number, state in sorted(self.watch.partitions.items())}

    def _look_for_models(self) -> None:
        model = self.world.announced
        if model is not None and not self._models.generation and self.world.committed >= self.world.announced_after:
            self._models.put(model.service, Served(model.version, "checksum", "artifact", model))

    async def _take_in(self) -> None:
        waiting = self.world.records(Topic.METRICS)[self._source.position :]
        if waiting:
            await self._ingest.process(self._batch(self._source, waiting, 60))

    async def _fold(self, partition: int) -> None:
        if partition not in self.deliveries:
            self.deliveries[partition] = Deliveries(await self.watch.resume(partition) or 0, lambda: None)
        deliveries = self.deliveries[partition]
        waiting = self.world.records(Topic.SAMPLES, partition)[deliveries.position :]
        if waiting:
            due = self._chance.random() < 0.3
            self.watch.partitions[partition].snapshot_steady_s = float("-inf") if due else float("inf")
            await self.watch.process(self._batch(deliveries, waiting, 3))

    def _batch(self, deliveries: Deliveries, waiting: Sequence[Stored], most: int) -> MicroBatch:
        part = waiting[: self._chance.randint(1, most)]
        tp = TP(part[0].topic, part[0].partition)
        records = [FetchedRecord(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value) for r in part]
        span = deliveries.hand_out(part[0].offset, part[-1].offset)
        return MicroBatch(tp, Fetched.of_records(tp, records), deliveries, span)


def _bury(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What goes on beside the stream may be what a worker dies in; nobody asks for it then."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


async def live_and_die(world: World, first_death: int, every: int, seed: int) -> tuple[Life, int]:
    """Workers one after the other, each dying after some steps, until one lives to see the end: that one, and how many
    died.

    Each lives a little longer than the one before: nobody gets on who always dies before the end of the replay.
    """
    asyncio.get_running_loop().set_exception_handler(_bury)
    chance = random.Random(seed)
    deaths, steps_left = 0, first_death
    while True:
        life = Life(world, Steps(dies_at=steps_left), chance)
        try:
            await life.run()
        except Killed:
            deaths, steps_left = deaths + 1, every + 5 * deaths
        else:
            return life, deaths


async def stall_and_come_back(world: World, stalls_at: int, seed: int) -> None:
    """A worker stalls; another takes everything over; then the first one goes on with what it has in hand."""
    chance = random.Random(seed)
    steps = Steps(stalls_at=stalls_at)
    stalled = asyncio.ensure_future(Life(world, steps, chance).run())
    waiting = asyncio.ensure_future(steps.stalled.wait())
    await asyncio.wait({stalled, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    successor = asyncio.ensure_future(Life(world, Steps(), random.Random(seed + 1)).run())
    for _ in range(chance.randint(0, 40)):
        await asyncio.sleep(0)
    steps.released.set()
    await asyncio.gather(stalled, successor)


def states_of_one_run(world: World) -> dict[int, bytes]:
    """What a worker holds that has folded every record once, with the models where they were changed."""
    return {partition: _state_of_one_run(world, partition) for partition in range(PARTITIONS)}


def _state_of_one_run(world: World, partition: int) -> bytes:
    state = PartitionState(partition, Pipeline(pipeline_config(world.settings)), 0, None, None)
    swaps = list(world.rows[partition].all_swaps)
    for record in world.records(Topic.SAMPLES, partition):
        while swaps and swaps[0].at_offset <= record.offset:
            swap = swaps.pop(0)
            state.pipeline.use_model(swap.service, world.announced)
            state.models[swap.service] = ModelRef(swap.version, swap.sha256, swap.artifact)
        state.fold([decode(record.value)], record.offset + 1)
    return state.snapshot()
