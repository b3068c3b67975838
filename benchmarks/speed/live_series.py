"""What a hundred times as many live series cost: throughput and resident memory of one worker."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from benchmarks.speed.bench import PARTITIONS, Bench
from benchmarks.speed.drain import Drained, drain
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

FEW: Final = 1000
MANY: Final = 100_000
TICKS_OF_MANY: Final = 5
"""The first creates the series, which is part of the price."""
QUICK_MANY: Final = 20_000
GOAL_RATIO: Final = 0.8
GOAL_BYTES: Final = 2048


def measure(bench: Bench) -> list[Figure]:
    """Both drain equally many samples; ratio and difference are taken run by run."""
    many = bench.size(MANY, QUICK_MANY)
    samples = many * TICKS_OF_MANY
    runs = [(_run(bench, FEW, samples, run), _run(bench, many, samples, run)) for run in range(bench.runs)]
    ratio = median(high.per_cpu_s / low.per_cpu_s for low, high in runs)
    bytes_a_series = median((high.resident_bytes - low.resident_bytes) / (many - FEW) for low, high in runs)
    return [
        Figure(f"{FEW:,} live series", median(low.per_cpu_s for low, _ in runs), "samples/CPU-s"),
        Figure(
            f"{many:,} live series", median(high.per_cpu_s for _, high in runs), "samples/CPU-s",
            note=f"of {TICKS_OF_MANY} samples each, the first of which creates the series",
        ),
        Figure(f"{many:,} live series of {FEW:,}", ratio, "x", GOAL_RATIO),
        Figure("resident memory of a live series", bytes_a_series, "bytes", GOAL_BYTES, at_most=True),
    ]  # fmt: skip


def _run(bench: Bench, series: int, samples: int, seed: int) -> Drained:
    entities = series // len(METRICS)
    ticks = samples // (entities * len(METRICS))
    workload = Workload(entities, ticks, int(time.time()) - ticks - 1, seed=seed)
    with bench.lane() as lane:
        asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload))
        return drain(lane, workload)
