"""The state of many series in this process: `python -m benchmarks.speed.fold_state SERIES TICKS`; a line of JSON."""

from __future__ import annotations

import gc
import json
import sys
import time

import numpy as np
import psutil

from benchmarks.speed.workload import METRICS, Workload, service
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule, format_series

BATCH = 20_000
CONFIG = PipelineConfig(EntityRule(("service",), ("instance",), "none"))


def folded(n_series: int, ticks: int) -> Pipeline:
    """A pipeline that has folded every series once a second for so many ticks."""
    workload = Workload(n_series // len(METRICS), ticks, 1_780_000_000)
    names = [
        format_series(metric, {"service": service(entity), "instance": f"i-{entity}"})
        for entity in range(workload.entities)
        for metric in METRICS
    ]
    pipeline = Pipeline(CONFIG)
    number = np.arange(len(names), dtype=np.int32)
    for tick in range(ticks):
        values = workload.values(tick).ravel()
        time_ns = (workload.start_s + tick) * 1_000_000_000
        for first in range(0, len(names), BATCH):
            part = slice(first, first + BATCH)
            mine = names[part]
            times = np.full(len(mine), time_ns, np.int64)
            pipeline.fold(SampleColumns(mine, number[: len(mine)], times, values[part]))
    return pipeline


def main(n_series: int, ticks: int) -> None:
    pipeline = folded(n_series, ticks)
    gc.collect()
    resident = psutil.Process().memory_info().rss
    began = time.perf_counter()
    body = pipeline.snapshot()
    written = time.perf_counter()
    Pipeline.restore(CONFIG, body)
    read = time.perf_counter()
    figures = {"resident_bytes": resident, "snapshot_bytes": len(body)}
    print(json.dumps(figures | {"write_s": written - began, "read_s": read - written}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
