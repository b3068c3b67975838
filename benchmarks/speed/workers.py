"""One worker, two, and a third, on twelve partitions, each worker held to one core."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from typing import Final

from benchmarks.speed.bench import Bench
from benchmarks.speed.drain import DEADLINE_S, wait_for
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.worker import Worker
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

PARTITIONS: Final = 12
ENTITIES: Final = 1000
SAMPLES: Final = 240_000
QUICK_SAMPLES: Final = 80_000
FIRST_TICKS: Final = 2
"""Published before the clock starts, so that every worker has joined the group and has its partitions."""
SETTLE_S: Final = 3.0
GOAL_OF_TWO: Final = 1.8


def measure(bench: Bench) -> list[Figure]:
    """Rates of one, two and three workers, and ratios run by run."""
    cores = sorted(os.sched_getaffinity(0))
    runs = [[_rate(bench, workers, cores, run) for workers in (1, 2, 3)] for run in range(bench.runs)]
    note = f"{len(cores)} cores, a worker held to each in turn; broker, PostgreSQL and publisher ran on the same ones"
    return [
        Figure("one worker, one core, 12 partitions", median(run[0] for run in runs), "samples/s", note=note),
        Figure("two workers of one", median(run[1] / run[0] for run in runs), "x", GOAL_OF_TWO, note=note),
        Figure("three workers of one", median(run[2] / run[0] for run in runs), "x", note=note),
    ]


def _rate(bench: Bench, workers: int, cores: list[int], seed: int) -> float:
    """Samples a second, from the beginning of the publication until all are durable."""
    ticks = bench.size(SAMPLES, QUICK_SAMPLES) // (ENTITIES * len(METRICS))
    workload = Workload(ENTITIES, FIRST_TICKS + ticks, int(time.time()) - ticks - 60, seed=seed)
    first = Workload(ENTITIES, FIRST_TICKS, workload.start_s, seed=seed)
    with bench.lane(PARTITIONS) as lane, ExitStack() as running:
        started = [
            running.enter_context(Worker(lane.environment, core=cores[number % len(cores)]))
            for number in range(workers)
        ]
        for worker in started:
            worker.until_logged()
            worker.until_logged("resumes at")
        servers, topic = lane.settings.kafka, lane.topic(Topic.METRICS)
        asyncio.run(publish(servers, topic, PARTITIONS, first))
        wait_for(lambda: lane.progress.reached(first.last_offsets(PARTITIONS)), started[0], DEADLINE_S)
        time.sleep(SETTLE_S)
        began = time.perf_counter()
        asyncio.run(publish(servers, topic, PARTITIONS, workload, first_tick=FIRST_TICKS))
        last = workload.last_offsets(PARTITIONS)
        wait_for(lambda: lane.progress.reached(last), started[0], DEADLINE_S)
        rate = (len(workload) - len(first)) / (time.perf_counter() - began)
    bench.say(f"{workers} workers: {rate:,.0f} samples/s")
    return rate
