"""What a hundred times as many live series cost: throughput and resident memory of one worker."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Final

from benchmarks.speed.bench import PARTITIONS, Bench
from benchmarks.speed.drain import Drained, drain
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.record import ROOT
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

FEW: Final = 1000
MANY: Final = 100_000
TICKS_OF_MANY: Final = 4
"""The first creates the series, which is part of the price."""
FOLD_TICKS: Final = 130
"""Drift detectors begin after a hundred rows."""
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
        Figure(
            "live series, resident memory each, in the worker", bytes_a_series, "bytes", GOAL_BYTES, at_most=True,
            note=f"after {TICKS_OF_MANY} samples each: before a series has a drift detector",
        ),
        *_of_state(many),
    ]  # fmt: skip


def _of_state(many: int) -> list[Figure]:
    """What a series costs where it is folded: memory, and its part of a snapshot."""
    small, large = _state(FEW), _state(many)
    resident = (large["resident_bytes"] - small["resident_bytes"]) / (many - FEW)
    note = f"one run; after {FOLD_TICKS} samples each, drift detectors included, ingest and Kafka left out"
    return [
        Figure(
            "live series, resident memory each, in the fold", resident, "bytes", GOAL_BYTES, at_most=True, note=note
        ),
        Figure("live series, part of a snapshot", large["snapshot_bytes"] / many, "bytes", note=note),
        Figure(f"snapshot of {many:,} series, written", large["write_s"], "s", note=note),
        Figure(f"snapshot of {many:,} series, read", large["read_s"], "s", note=note),
    ]


def _state(series: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.fold_state", str(series), str(FOLD_TICKS)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the fold of {series:,} series failed: {done.stderr[-1000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _run(bench: Bench, series: int, samples: int, seed: int) -> Drained:
    entities = series // len(METRICS)
    ticks = samples // (entities * len(METRICS))
    workload = Workload(entities, ticks, int(time.time()) - ticks - 1, seed=seed)
    with bench.lane() as lane:
        asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload))
        return drain(lane, workload)
