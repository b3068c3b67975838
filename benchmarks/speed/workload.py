"""Single-sample JSON records of some entities with eight metrics each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer

METRICS = (
    "latency_ms", "requests_per_s", "errors_per_s", "cpu_ratio",
    "memory_ratio", "queue_depth", "disk_ratio", "net_bytes",
)  # fmt: skip


def records(n_samples: int, n_entities: int, start_s: int, seed: int = 1) -> Iterator[tuple[int, bytes]]:
    """(number of the entity, record), tick by tick, a tick a second."""
    noise = np.random.default_rng(seed)
    produced, tick = 0, 0
    while produced < n_samples:
        values = 100 + 5 * noise.standard_normal((n_entities, len(METRICS)))
        for entity in range(n_entities):
            labels = {"service": f"service-{entity % 10}", "instance": f"i-{entity}"}
            for metric, value in zip(METRICS, values[entity].tolist(), strict=True):
                body = {"metric": metric, "value": round(value, 4), "timestamp": start_s + tick, "labels": labels}
                yield entity, orjson.dumps(body)
                produced += 1
                if produced == n_samples:
                    return
        tick += 1


async def publish(servers: str, topic: str, partitions: int, workload: Iterator[tuple[int, bytes]]) -> None:
    """Publish a workload, an entity always to the same partition."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20, max_batch_size=512 * 1024, acks=1)
    await producer.start()
    try:
        pending: list[asyncio.Future[object]] = []
        for entity, record in workload:
            pending.append(await producer.send(topic, record, partition=entity % partitions))
            if len(pending) >= 20_000:
                await asyncio.gather(*pending)
                pending.clear()
        await asyncio.gather(*pending)
    finally:
        await producer.stop()
