"""One training in this process: `python -m benchmarks.speed.train_once ROWS FEATURES`; a line of JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.ensemble import IsolationForest

from models.pipeline.warm_up import warm_up
from models.reasons import RetrainReason
from models.records import SampleColumns
from models.series import EntityRule, format_series
from models.training.train import TrainingOrder, TrainingRules, train

ENTITIES: Final = 10
INTERVAL_NS: Final = 1_000_000_000
RULES: Final = TrainingRules(EntityRule(("service",), ("instance",), "none"), 60.0, 1.0, 240, 10_000_000)


def samples_of(rows: int, features: int) -> SampleColumns:
    """Rows of ten instances of a service at one second, every series in every row, tick by tick."""
    random = np.random.default_rng(1)
    names = [
        format_series(f"metric_{feature}", {"service": "s", "instance": f"i-{entity}"})
        for entity in range(ENTITIES)
        for feature in range(features)
    ]
    ticks = rows // ENTITIES
    return SampleColumns(
        names,
        np.tile(np.arange(len(names), dtype=np.int32), ticks),
        np.repeat(np.arange(ticks, dtype=np.int64) * INTERVAL_NS, len(names)),
        100.0 + 5.0 * random.standard_normal(ticks * len(names)),
    )


def peak_bytes() -> int:
    """The most memory that this process has had resident."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # not ru_maxrss, which a child inherits from its parent on Linux
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def main(rows: int, features: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    warm_up()
    IsolationForest(n_estimators=1).fit(np.zeros((10, 1)))  # loads what it loads lazily
    before = peak_bytes()
    samples = samples_of(rows, features)
    order = TrainingOrder("s", "benchmark", RetrainReason.COLD_START)
    began = time.perf_counter()
    trained = train(samples, order, None, RULES)
    seconds = time.perf_counter() - began
    sample_bytes = samples.series.nbytes + samples.event_time_ns.nbytes + samples.values.nbytes
    report = {"seconds": seconds, "peak_bytes": peak_bytes() - before, "sample_bytes": sample_bytes}
    print(json.dumps({**report, "quiet_rows": trained.quiet_rows}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
