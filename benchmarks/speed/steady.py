"""A steady stream: `python -m benchmarks.speed.steady SERVERS TOPIC ENTITIES TICKS ODD_FROM`, in a process of its own.

Every entity sends its eight metrics once a second; entities are spread evenly over the second, in slots. The time stamp
of a sample is the moment in which it is handed to the producer, so whoever sees it later knows its age.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import pairwise
from typing import Final

from benchmarks.speed.bench import PARTITIONS
from benchmarks.speed.workload import BatchPublisher, Workload

SLOTS: Final = 20
"""A second's; a batch for each partition every 50 ms, as producers with a linger of that length send them."""
ODD_EVERY: Final = 10
"""Slots from one entity that begins to be odd to the next: two a second."""
ODD_TICKS: Final = 5
ODD_BY: Final = 100.0
"""Twenty deviations: what is measured is when an alert comes, not whether."""


def slots_of(entities: int) -> list[range]:
    """Entities of each slot."""
    edges = [number * entities // SLOTS for number in range(SLOTS + 1)]
    return [range(first, end) for first, end in pairwise(edges)]


def odd_ticks(entities: int, odd_from: int) -> dict[int, int]:
    """Entity → tick in which it begins to be odd. Each is odd once, so that no alert is that of an old incident."""
    return {entity: odd_from + order for slot in slots_of(entities)[::ODD_EVERY] for order, entity in enumerate(slot)}


async def send(servers: str, topic: str, workload: Workload, odd_from: int) -> float:
    """Send all ticks at their time; the rate that was kept, in samples a second."""
    slots, begins = slots_of(workload.entities), odd_ticks(workload.entities, odd_from)
    async with BatchPublisher(servers, topic) as publisher:
        began = time.perf_counter()
        for tick in range(workload.ticks):
            values = workload.values(tick)
            for number, slot in enumerate(slots):
                await asyncio.sleep(max(0.0, began + tick + number / SLOTS - time.perf_counter()))
                now_ms = time.time_ns() // 1_000_000
                for entity in slot:
                    odd = entity in begins and begins[entity] <= tick < begins[entity] + ODD_TICKS
                    row = (values[entity] + (ODD_BY if odd else 0.0)).tolist()
                    await publisher.add(entity % PARTITIONS, workload.records(entity, row, b"%d" % now_ms), now_ms)
                await publisher.flush()
        return len(workload) / (time.perf_counter() - began)


if __name__ == "__main__":
    servers_, topic_, entities_, ticks_, odd_from_ = sys.argv[1:]
    rate = asyncio.run(send(servers_, topic_, Workload(int(entities_), int(ticks_), 0), int(odd_from_)))
    print(json.dumps({"rate": rate}))
