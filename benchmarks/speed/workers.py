"""One worker on twelve partitions, then two, then a third, each held to one core."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from typing import Final

from benchmarks.speed.bench import Bench, Lane
from benchmarks.speed.drain import DEADLINE_S, wait_for
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.worker import Worker
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

PARTITIONS: Final = 12
ENTITIES: Final = 1000
SAMPLES: Final = 160_000
"""Of each stage."""
QUICK_SAMPLES: Final = 64_000
MOST: Final = 3
SETTLE_S: Final = 2.0
"""After a worker has joined and a tick went through: a group that still balances would be measured otherwise."""
GOAL_OF_TWO: Final = 1.8


def measure(bench: Bench) -> list[Figure]:
    """Rates of one, two and three workers in the same lane, each joining while the others run; ratios run by run."""
    cores = sorted(os.sched_getaffinity(0))
    runs = [_rates(bench, cores, run) for run in range(bench.runs)]
    note = f"{len(cores)} cores, a worker held to each in turn; broker, PostgreSQL and publisher ran on the same ones"
    return [
        Figure("one worker, one core, 12 partitions", median(run[0] for run in runs), "samples/s", note=note),
        Figure("two workers of one", median(run[1] / run[0] for run in runs), "x", GOAL_OF_TWO, note=note),
        Figure("three workers of one", median(run[2] / run[0] for run in runs), "x", note=note),
    ]


def _rates(bench: Bench, cores: list[int], seed: int) -> list[float]:
    """Samples a second of each stage."""
    stage = bench.size(SAMPLES, QUICK_SAMPLES) // (ENTITIES * len(METRICS))
    start_s = int(time.time()) - MOST * (stage + 1) - 60
    rates: list[float] = []
    with bench.lane(PARTITIONS) as lane, ExitStack() as running:
        workers: list[Worker] = []
        for number in range(MOST):
            workers.append(running.enter_context(Worker(lane.environment, core=cores[number % len(cores)])))
            workers[-1].until_logged()
            workers[-1].until_logged("resumes at")
            done = number * (stage + 1)
            _pass_through(lane, workers, Workload(ENTITIES, done + 1, start_s, seed), done)
            time.sleep(SETTLE_S)
            rates.append(_pass_through(lane, workers, Workload(ENTITIES, done + 1 + stage, start_s, seed), done + 1))
            bench.say(f"{number + 1} workers: {rates[-1]:,.0f} samples/s")
    return rates


def _pass_through(lane: Lane, workers: list[Worker], workload: Workload, first_tick: int) -> float:
    """Publish the ticks from `first_tick` on; samples a second, from then until all are durable."""
    last = workload.last_offsets(PARTITIONS)

    def reached() -> bool:
        for worker in workers:
            worker.require_running()
        return lane.progress.reached(last)

    began = time.perf_counter()
    asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload, first_tick))
    wait_for(reached, workers[0], DEADLINE_S)
    samples = workload.entities * len(METRICS) * (workload.ticks - first_tick)
    return samples / (time.perf_counter() - began)
