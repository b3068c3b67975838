"""A training as the trainer runs it: samples to ticks, clean, fit, calibrate, judge, in a process on one core."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.record import ROOT

ROWS: Final = 1_000_000
FEATURES: Final = 16
GOAL_S: Final = 60.0
GOAL_OF_DATA: Final = 3.0


def measure(bench: Bench) -> list[Figure]:
    """Seconds and peak memory of a training of 1,000,000 rows of 16 features."""
    rows = bench.size(ROWS, 50_000)
    runs = [_train(rows) for _ in range(bench.runs)]
    about = f"training, {rows:,} x {FEATURES}"
    matrix, samples = rows * FEATURES * 8, runs[0]["sample_bytes"]
    return [
        Figure(f"{about}: fit, calibrate, validate", median(run["seconds"] for run in runs), "s", GOAL_S, at_most=True),
        Figure(
            f"{about}: peak memory of the samples' bytes",
            median(run["peak_bytes"] / samples for run in runs),
            "x",
            GOAL_OF_DATA,
            at_most=True,
            note=f"above the process before it has data; the samples (series, time, value) are {samples / 1e6:,.0f} MB",
        ),
        Figure(
            f"{about}: peak memory of the bare matrix",
            median(run["peak_bytes"] / matrix for run in runs),
            "x",
            note=f"rows x features as float64 are {matrix / 1e6:,.0f} MB",
        ),
    ]


def _train(rows: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.train_once", str(rows), str(FEATURES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the training failed: {done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report
