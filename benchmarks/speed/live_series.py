"""What a hundred times as many live series cost: throughput and resident memory of one worker."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Final, NamedTuple

from benchmarks.speed.bench import PARTITIONS, Bench, Lane
from benchmarks.speed.drain import DEADLINE_S, wait_for
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.record import ROOT
from benchmarks.speed.worker import MeasuredWorker
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

FEW: Final = 1000
MANY: Final = 100_000
TICKS_OF_MANY: Final = 4
"""After a first one, in which the series are new."""
FOLD_TICKS: Final = 130
"""Drift detectors begin after a hundred rows."""
QUICK_MANY: Final = 20_000
GOAL_RATIO: Final = 0.8
GOAL_BYTES: Final = 2048


class Lived(NamedTuple):
    """What a worker did with series that it knew: samples a CPU-second, seconds of CPU for all of them when they were
    new, and resident memory at the end."""

    per_cpu_s: float
    new_cpu_s: float
    resident_bytes: int


def measure(bench: Bench) -> list[Figure]:
    """Both fold equally many samples of known series; ratio and difference are taken run by run."""
    many = bench.size(MANY, QUICK_MANY)
    samples = many * TICKS_OF_MANY
    runs = [(_run(bench, FEW, samples, run), _run(bench, many, samples, run)) for run in range(bench.runs)]
    ratio = median(high.per_cpu_s / low.per_cpu_s for low, high in runs)
    new_us = median((high.new_cpu_s - low.new_cpu_s) / (many - FEW) * 1e6 for low, high in runs)
    bytes_a_series = median((high.resident_bytes - low.resident_bytes) / (many - FEW) for low, high in runs)
    return [
        Figure(f"{FEW:,} live series", median(low.per_cpu_s for low, _ in runs), "samples/CPU-s"),
        Figure(f"{many:,} live series", median(high.per_cpu_s for _, high in runs), "samples/CPU-s"),
        Figure(f"{many:,} live series of {FEW:,}", ratio, "x", GOAL_RATIO),
        Figure("a new series, its first sample included", new_us, "µs of CPU"),
        Figure(
            "live series, resident memory each, in the worker",
            bytes_a_series,
            "bytes",
            GOAL_BYTES,
            at_most=True,
            note=f"after {1 + TICKS_OF_MANY} samples each: before a series has a drift detector",
        ),
        *_of_state(bench, many),
    ]


def _of_state(bench: Bench, many: int) -> list[Figure]:
    """What a series costs where it is folded: memory, and its part of a snapshot."""
    runs = [(_state(FEW), _state(many)) for _ in range(bench.runs)]
    resident = median((large["resident_bytes"] - small["resident_bytes"]) / (many - FEW) for small, large in runs)
    note = f"after {FOLD_TICKS} samples each, drift detectors included, ingest and Kafka left out"

    def of_many(name: str) -> float:
        return median(large[name] for _, large in runs)

    return [
        Figure(
            "live series, resident memory each, in the fold", resident, "bytes", GOAL_BYTES, at_most=True, note=note
        ),
        Figure("live series, part of a snapshot", of_many("snapshot_bytes") / many, "bytes", note=note),
        Figure(f"snapshot of {many:,} series, written", of_many("write_s"), "s", note=note),
        Figure(f"snapshot of {many:,} series, read", of_many("read_s"), "s", note=note),
    ]


def _state(series: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.fold_state", str(series), str(FOLD_TICKS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the fold of {series:,} series failed: {done.stderr[-1000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _run(bench: Bench, series: int, samples: int, seed: int) -> Lived:
    """A tick of new series, then as many ticks as make up the samples."""
    entities = series // len(METRICS)
    ticks = 1 + samples // (entities * len(METRICS))
    workload = Workload(entities, ticks, int(time.time()) - ticks - 1, seed=seed)
    with bench.lane() as lane, MeasuredWorker(lane.environment) as worker:
        worker.until_logged("resumes at")
        began = worker.cpu_s()
        _pass_through(lane, worker, replace(workload, ticks=1), 0)
        known = worker.cpu_s()
        _pass_through(lane, worker, workload, 1)
        spent = worker.cpu_s() - known
        return Lived((len(workload) - series) / spent, known - began, worker.resident_bytes())


def _pass_through(lane: Lane, worker: MeasuredWorker, workload: Workload, first_tick: int) -> None:
    """Publish ticks and wait until they are durable."""
    asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload, first_tick))
    last = workload.last_offsets(PARTITIONS)
    wait_for(lambda: lane.progress.reached(last), worker, DEADLINE_S)
