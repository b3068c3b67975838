"""The limit in this language: fetch with aiokafka, decode each record's JSON with orjson, and forget it."""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition


async def consume(servers: str, topic: str, partitions: int, n_samples: int) -> tuple[float, float]:
    """(wall seconds, CPU seconds) for `n_samples` records, from the first fetch on."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        wall_s, cpu_s, seen = time.perf_counter(), time.process_time(), 0
        while seen < n_samples:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for record in batch:
                    orjson.loads(record.value)
                seen += len(batch)
        return time.perf_counter() - wall_s, time.process_time() - cpu_s
    finally:
        await consumer.stop()


if __name__ == "__main__":
    wall, cpu = asyncio.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
    print(wall, cpu)
