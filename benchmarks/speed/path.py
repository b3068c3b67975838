"""The whole path in one worker, beside the least that a consumer must do and beside other stream processors.

Single-sample JSON records of 1,000 entities with eight metrics in Kafka → ingest → features → Isolation Forest → drift
→ SLO windows in PostgreSQL → `scores`. Everybody reads the very same topic, one after the other.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import peers
from benchmarks.peers import Consumed
from benchmarks.speed.bench import PARTITIONS, Bench, Lane
from benchmarks.speed.drain import Drained, drain
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.workload import METRICS, Workload, publish
from models.errors import Misconfigured
from models.names import Topic

ENTITIES: Final = 1000
SAMPLES: Final = 2_000_000
"""A backlog of ten seconds or so: of 400,000 a good part of our time was joining the group."""
QUICK_SAMPLES: Final = 80_000


class Rival(NamedTuple):
    """Somebody else on the topic: how to run it, on how many samples at most (slow ones on fewer, their rate does not
    depend on it), and how many times as fast Tidewatch should be."""

    name: str
    consume: Callable[[str, str, int], Consumed]
    most: int
    goal: float


RAW: Final = "raw aiokafka + orjson"
RIVALS: Final = (
    Rival(RAW, partial(peers.measured, Path(sys.executable), "benchmarks.speed.raw_consumer"), SAMPLES, 0.25),
    Rival("Bytewax, consume + decode", partial(peers.run, "bytewax", "consume"), SAMPLES, 1.0),
    Rival("Quix Streams, consume + decode", partial(peers.run, "quix", "consume"), 200_000, 2.0),
    Rival("stock Faust agent, consume + decode", partial(peers.run, "faust", "consume"), 60_000, 10.0),
    Rival("stock Faust agent, same job per event", partial(peers.run, "faust", "score"), 600, 300.0),
)


def measure(bench: Bench) -> list[Figure]:
    """Rates of everybody, and ratios as the medians of the runs' own."""
    ticks = bench.size(SAMPLES, QUICK_SAMPLES) // (ENTITIES * len(METRICS))
    rivals = [rival for rival in RIVALS if _at_hand(rival, bench)]
    ours: list[Drained] = []
    theirs: dict[str, list[Consumed]] = {rival.name: [] for rival in rivals}
    for run in range(bench.runs):
        workload = Workload(ENTITIES, ticks, int(time.time()) - ticks - 1, seed=run)
        with bench.lane() as lane:
            asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload))
            for rival in rivals:
                theirs[rival.name].append(_consumed(rival, lane, len(workload)))
            ours.append(drain(lane, workload))
        bench.say(f"run {run + 1} of {bench.runs}: {ours[-1].per_cpu_s:,.0f} samples a CPU-second")
    return [*_ours(ours), *(row for rival in rivals for row in _beside(rival, theirs[rival.name], ours))]


def _at_hand(rival: Rival, bench: Bench) -> bool:
    """Whether it can be run; says why not."""
    name = rival.consume.args[0] if isinstance(rival.consume, partial) else None
    if isinstance(name, str):
        try:
            peers.environment(name)
        except Misconfigured as error:
            bench.say(str(error))
            return False
    return True


def _consumed(rival: Rival, lane: Lane, samples: int) -> Consumed:
    return rival.consume(lane.settings.kafka, lane.topic(Topic.METRICS), min(rival.most, samples))


def _ours(runs: list[Drained]) -> list[Figure]:
    return [
        Figure("whole path, one worker", median(run.rate for run in runs), "samples/s"),
        Figure("whole path, one worker, per CPU-second", median(run.per_cpu_s for run in runs), "samples/CPU-s"),
        Figure(
            "whole path, resident memory with a backlog",
            median(run.peak_bytes for run in runs) / 1e6,
            "MB",
            note=f"the most seen while {runs[0].samples:,} records are drained",
        ),
    ]


def _beside(rival: Rival, runs: list[Consumed], ours: list[Drained]) -> list[Figure]:
    versions = runs[0].versions
    ratio = median(mine.per_cpu_s / their.per_cpu_s for mine, their in zip(ours, runs, strict=True))
    return [
        Figure(rival.name, median(run.per_cpu_s for run in runs), "samples/CPU-s", versions=versions),
        Figure(f"whole path of {rival.name}", ratio, "x", goal=rival.goal, versions=versions),
    ]
