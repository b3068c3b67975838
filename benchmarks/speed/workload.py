"""Single-sample JSON records of some entities with eight metrics each, a tick a second, and how they get into Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from agents.kafka.partitioning import partition_of

METRICS: Final = (
    "latency_ms",
    "requests_per_s",
    "errors_per_s",
    "cpu_ratio",
    "memory_ratio",
    "queue_depth",
    "disk_ratio",
    "net_bytes",
)
SERVICES: Final = 10
MEAN, SPREAD = 100.0, 5.0
BATCH_BYTES: Final = 512 * 1024
WAITING: Final = 32
"""Batches on their way at once: 16 MiB."""


def service(entity: int) -> str:
    """Service of an entity."""
    return f"service-{entity % SERVICES}"


@dataclass
class Workload:
    """Independent noise around one level, so that nothing but what is asked for is anomalous.

    Attributes:
        entities: their number; each has `METRICS`. ticks: of one second each, from `start_s` (epoch) on.
    """

    entities: int
    ticks: int
    start_s: int
    seed: int = 1
    _heads: list[bytes] = field(init=False, repr=False)
    _tails: list[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._heads = [b'{"metric":"%b","value":' % metric.encode() for metric in METRICS]
        self._tails = [
            b',"labels":{"service":"%b","instance":"i-%d"}}' % (service(entity).encode(), entity)
            for entity in range(self.entities)
        ]

    def __len__(self) -> int:
        return self.entities * len(METRICS) * self.ticks

    def values(self, tick: int) -> NDArray[np.float64]:
        """`(entities, metrics)`, the same for the same tick."""
        noise = np.random.default_rng((self.seed, tick))
        return MEAN + SPREAD * noise.standard_normal((self.entities, len(METRICS)))

    def records(self, entity: int, values: Iterable[float], timestamp: bytes) -> list[bytes]:
        """One record a metric."""
        tail = timestamp + self._tails[entity]
        return [b'%b%.4f,"timestamp":%b' % (head, value, tail) for head, value in zip(self._heads, values, strict=True)]

    def last_offsets(self, partitions: int) -> dict[int, dict[int, int]]:
        """`samples` partition → source partition → offset of its newest sample, when everything is folded."""
        last: dict[int, dict[int, int]] = {}
        for entity in range(self.entities):
            source, position = entity % partitions, entity // partitions
            here = len(range(source, self.entities, partitions))
            offset = ((self.ticks - 1) * here + position + 1) * len(METRICS) - 1
            of_target = last.setdefault(partition_of(f"{service(entity)}/i-{entity}".encode(), partitions), {})
            of_target[source] = max(of_target.get(source, -1), offset)
        return last


class BatchPublisher:
    """Builds Kafka's batches itself: a tenth of what a call a record would cost the machine that is being measured.

    Args:
        hold: keep full batches until `flush`, so that building them is no part of what is timed then.
    """

    def __init__(self, servers: str, topic: str, *, hold: bool = False) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=BATCH_BYTES, acks=1)
        self._topic = topic
        self._hold = hold
        self._builders: dict[int, Any] = {}
        self._full: list[tuple[int, Any]] = []
        self._waiting: list[asyncio.Future[Any]] = []

    async def __aenter__(self) -> BatchPublisher:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def add(self, partition: int, records: Iterable[bytes], at_ms: int | None = None) -> None:
        """Put records into the partition's batch, and send it when it is full; `at_ms` is their time stamp."""
        for record in records:
            builder = self._builders.get(partition)
            if builder is None or builder.append(key=None, value=record, timestamp=at_ms) is None:
                self._close(partition)
                builder = self._builders[partition] = self._producer.create_batch()
                builder.append(key=None, value=record, timestamp=at_ms)
        if not self._hold:
            await self._send()

    async def add_ticks(self, partitions: int, workload: Workload, first: int) -> None:
        """Add ticks from `first` on, an entity always to the same partition."""
        for tick in range(first, workload.ticks):
            timestamp = b"%d" % (workload.start_s + tick)
            for entity, values in enumerate(workload.values(tick).tolist()):
                await self.add(entity % partitions, workload.records(entity, values, timestamp))

    async def flush(self) -> None:
        """Send what there is and wait for the broker."""
        for partition in list(self._builders):
            self._close(partition)
        await self._send()
        await asyncio.gather(*self._waiting)
        self._waiting.clear()

    def _close(self, partition: int) -> None:
        builder = self._builders.pop(partition, None)
        if builder is not None:
            builder.close()
            self._full.append((partition, builder))

    async def _send(self) -> None:
        for partition, builder in self._full:
            self._waiting.append(await self._producer.send_batch(builder, self._topic, partition=partition))
            if len(self._waiting) >= WAITING:
                await asyncio.gather(*self._waiting)
                self._waiting.clear()
        self._full.clear()


async def publish(
    servers: str, topic: str, partitions: int, workload: Workload, first_tick: int = 0, *, pause_s: float = 0.0
) -> None:
    """Publish ticks from `first_tick` on: as fast as the broker takes them, or with a pause after each."""
    async with BatchPublisher(servers, topic) as publisher:
        if not pause_s:
            await publisher.add_ticks(partitions, workload, first_tick)
        for tick in range(first_tick, workload.ticks if pause_s else 0):
            await publisher.add_ticks(partitions, replace(workload, ticks=tick + 1), tick)
            await publisher.flush()
            await asyncio.sleep(pause_s)
        await publisher.flush()
