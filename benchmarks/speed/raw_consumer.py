"""The limit in this language: fetch with aiokafka, decode each record's JSON with orjson, and forget it."""

from __future__ import annotations

import asyncio

import orjson
from aiokafka import AIOKafkaConsumer

from benchmarks.peers.meter import Meter, arguments

FETCH_BYTES = 4 * 1024 * 1024
"""As much at once as Tidewatch fetches."""


async def consume(servers: str, topic: str, meter: Meter) -> None:
    """Read and decode as many records as the meter wants, from the start of every partition."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    try:
        meter.start()
        done = False
        while not done:
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for record in batch:
                    orjson.loads(record.value)
                done = meter.add(len(batch))
    finally:
        await consumer.stop()


def main() -> None:
    chosen = arguments()
    meter = Meter(chosen.samples)
    asyncio.run(consume(chosen.servers, chosen.topic, meter))
    print(meter.report("aiokafka", "orjson"), flush=True)


if __name__ == "__main__":
    main()
