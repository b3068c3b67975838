"""One worker on twelve partitions, then two, then a third, each held to one core."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.speed.bench import Bench, Lane
from benchmarks.speed.drain import DEADLINE_S, wait_for
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.worker import MeasuredWorker, tree_cpu_s
from benchmarks.speed.workload import METRICS, BatchPublisher, Workload
from models.names import Topic

PARTITIONS: Final = 12
ENTITIES: Final = 1000
SAMPLES: Final = 1_200_000
"""Of each stage: some ten seconds, so that the second in which the first and the last micro-batches wait for others
weighs little."""
QUICK_SAMPLES: Final = 64_000
MOST: Final = 3
SETTLE_S: Final = 2.0
"""After a worker has joined and a tick went through: a group that still balances would be measured otherwise."""
GOAL_OF_TWO: Final = 1.8


class Stage(NamedTuple):
    """Samples a second, and cores that others than the workers, and the workers, kept busy meanwhile."""

    rate: float
    others: float
    workers: float


def measure(bench: Bench) -> list[Figure]:
    """Rates of one, two and three workers in the same lane, each joining while the others run; ratios run by run."""
    cores = sorted(os.sched_getaffinity(0))
    runs = [_rates(bench, cores, run) for run in range(bench.runs)]
    note = f"{len(cores)} cores, a worker held to each in turn; broker, PostgreSQL and publisher ran on the same ones"
    two_of_one = median(two.rate / one.rate for one, two, _ in runs)
    three_of_one = median(three.rate / one.rate for one, _, three in runs)
    others, workers = (median(getattr(two, who) for _, two, _ in runs) for who in ("others", "workers"))
    return [
        Figure("one worker, one core, 12 partitions", median(run[0].rate for run in runs), "samples/s", note=note),
        Figure("two workers of one", two_of_one, "x", GOAL_OF_TWO, note=note),
        Figure("three workers of one", three_of_one, "x", note=note),
        Figure("two workers, cores that they kept busy", workers, "cores"),
        Figure("two workers, cores that broker, PostgreSQL and publisher kept busy", others, "cores"),
    ]


def _rates(bench: Bench, cores: list[int], seed: int) -> list[Stage]:
    """One run: each stage with a worker more."""
    stage = bench.size(SAMPLES, QUICK_SAMPLES) // (ENTITIES * len(METRICS))
    start_s = int(time.time()) - MOST * (stage + 1) - 60
    stages: list[Stage] = []
    with bench.lane(PARTITIONS) as lane, ExitStack() as running:
        workers: list[MeasuredWorker] = []
        for number in range(MOST):
            workers.append(running.enter_context(MeasuredWorker(lane.environment, core=cores[number % len(cores)])))
            workers[-1].until_logged()
            workers[-1].until_logged("resumes at")
            done = number * (stage + 1)
            _pass_through(bench, lane, workers, Workload(ENTITIES, done + 1, start_s, seed), done)
            time.sleep(SETTLE_S)
            ticks = Workload(ENTITIES, done + 1 + stage, start_s, seed)
            stages.append(_pass_through(bench, lane, workers, ticks, done + 1))
            bench.say(f"{number + 1} workers: {stages[-1].rate:,.0f} samples/s")
    return stages


def _pass_through(
    bench: Bench, lane: Lane, workers: list[MeasuredWorker], workload: Workload, first_tick: int
) -> Stage:
    """Publish the ticks from `first_tick` on, and wait until they are durable; figures from the first batch on."""
    last = workload.last_offsets(PARTITIONS)

    def reached() -> bool:
        for worker in workers:
            worker.require_running()
        return lane.progress.reached(last)

    def spent() -> NDArray[np.float64]:
        """Seconds so far: of the clock, of the others' processors, of the workers' own."""
        own = psutil.Process().cpu_times()
        servers = tree_cpu_s([psutil.Process(service.child.pid) for service in (bench.kafka, bench.postgres)])
        used = sum(worker.cpu_s() for worker in workers)
        return np.array([time.perf_counter(), servers + own.user + own.system, used])

    before = asyncio.run(_publish(lane, workload, first_tick, spent))
    wait_for(reached, workers[0], DEADLINE_S)
    wall_s, others_s, workers_s = (spent() - before).tolist()
    samples = workload.entities * len(METRICS) * (workload.ticks - first_tick)
    return Stage(samples / wall_s, others_s / wall_s, workers_s / wall_s)


async def _publish(
    lane: Lane, workload: Workload, first_tick: int, look: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Publish ticks; what `look` said when they were built and nothing was sent yet."""
    async with BatchPublisher(lane.settings.kafka, lane.topic(Topic.METRICS), hold=True) as publisher:
        await publisher.add_ticks(PARTITIONS, workload, first_tick)
        seen = look()
        await publisher.flush()
        return seen
