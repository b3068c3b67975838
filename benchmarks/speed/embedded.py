"""The embedded stack: how long `tidewatch up` takes, its idle processor time, memory of the worker that scores."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.record import ROOT
from benchmarks.speed.worker import tree_cpu_s
from benchmarks.speed.workload import METRICS, Workload, publish
from infra.settings import load
from models.names import Topic

SERIES: Final = 1000
READY_S: Final = 25.0
IDLE_SHARE: Final = 10.0
RESIDENT_MB: Final = 250.0
SETTLE_S: Final = 15.0
"""After everything is ready: MLflow, the last, still loads."""
WINDOW_S: Final = 10.0
TICKS: Final = 40
DEADLINE_S: Final = 180.0


def measure(bench: Bench) -> list[Figure]:
    """Starts on empty folders; every stack is fed, the last one left alone for a while before."""
    starts: list[float] = []
    resident: list[float] = []
    for run in range(bench.runs):
        with _stack() as (home, seconds):
            starts.append(seconds)
            bench.say(f"start {run + 1}: {seconds:.1f} s")
            if run == bench.runs - 1:
                shares = _idle_percent(home, bench)
            resident.append(_resident_mb(home))
    return [
        Figure("`tidewatch up` on an empty folder, until ready", median(starts), "s", READY_S, at_most=True),
        Figure(
            "idle stack, processor time of all processes",
            median(shares),
            "% of a core",
            IDLE_SHARE,
            at_most=True,
            note=f"median of {len(shares)} windows of {WINDOW_S:.0f} s, all services ready for {SETTLE_S:.0f} s",
        ),
        Figure(
            "scoring worker, resident memory at 1,000 live series",
            median(resident),
            "MB",
            RESIDENT_MB,
            at_most=True,
            note=f"after {TICKS} ticks at their own pace",
        ),
    ]


@contextmanager
def _stack() -> Iterator[tuple[Path, float]]:
    """(home, seconds that `tidewatch up` took) of a stack that runs until the end of the block."""
    home = Path(tempfile.mkdtemp(prefix="tidewatch-bench-"))
    home.chmod(0o711)
    try:
        began = time.perf_counter()
        _tidewatch(home, "up")
        seconds = time.perf_counter() - began
        yield home, seconds
    finally:
        _tidewatch(home, "down")
        shutil.rmtree(home, ignore_errors=True)


def _tidewatch(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.main", *arguments],
        cwd=ROOT,
        env={**os.environ, "TIDEWATCH_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if done.returncode != 0 and arguments[0] != "status":
        raise RuntimeError(f"tidewatch {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def _status(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_tidewatch(home, "status", "--json"))
    return found


def _idle_percent(home: Path, bench: Bench) -> list[float]:
    """Processor time of supervisor and services, in per cent of a core, in windows."""
    until = time.monotonic() + DEADLINE_S
    while any(process["state"] != "ready" for process in _status(home)["processes"].values()):
        if time.monotonic() > until:
            raise RuntimeError("not every service of the stack became ready")
        time.sleep(1.0)
    time.sleep(SETTLE_S)
    supervisor = psutil.Process(_status(home)["supervisor"])
    shares = []
    for _ in range(max(bench.runs, 2)):
        before, began = tree_cpu_s([supervisor]), time.perf_counter()
        time.sleep(WINDOW_S)
        shares.append((tree_cpu_s([supervisor]) - before) / (time.perf_counter() - began) * 100)
    return shares


def _resident_mb(home: Path) -> float:
    """Resident memory of the worker that scores, once it knows 1,000 series."""
    workload = Workload(SERIES // len(METRICS), TICKS, int(time.time()) - TICKS)
    settings = load(home=home)
    topic = settings.topic(Topic.METRICS)
    asyncio.run(publish(settings.kafka, topic, settings.partitions, workload, pause_s=1.0))
    return float(psutil.Process(_status(home)["processes"]["stream"]["pid"]).memory_info().rss / 1e6)
