"""What a row costs: processor time of a whole run, fits and trainings included, over its rows, on one core."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.quality import product
from benchmarks.quality.corpus import HANDED_OVER, CorpusPart, Stream, load_streams
from benchmarks.quality.detectors import SHIPPED, VARIATIONS, choose, cpu_s, run
from benchmarks.quality.runs import run_all
from benchmarks.quality.tables import markdown

RUNS = 3
NEVER = 10**9
"""Rows before a first model is asked for that no file has."""


def cost(chosen: argparse.Namespace) -> dict[str, Any]:
    """The section: median of three runs on the longest tuning stream of each data set, one at a time."""
    tasks: dict[str, tuple[str, Stream, bool]] = {}
    for data_set in HANDED_OVER:
        streams = [stream for stream in load_streams(chosen.data, [data_set]) if stream.part is CorpusPart.TUNING]
        longest = max(streams, key=lambda stream: len(stream.time_ns))
        detectors = choose(chosen.detector or [], data_set, lambda line: print(line, file=sys.stderr))
        for detector in detectors:
            if detector in VARIATIONS and detector != SHIPPED:
                continue  # they cost the same
            tasks[f"{detector} {data_set.value}"] = (detector, longest, True)
        if SHIPPED in detectors:
            tasks[f"{SHIPPED}, never trained {data_set.value}"] = (SHIPPED, longest, False)
    spent = run_all(tasks, _microseconds, 1)
    rows = [
        {
            "detector": name.rsplit(" ", 1)[0],
            "stream": f"{stream.data_set.value}/{stream.entity}",
            "rows": len(stream.time_ns),
            "metrics": stream.values.shape[1],
            "us": spent[name],
        }
        for name, (_, stream, _) in tasks.items()
    ]
    columns = {"detector": "detector", "stream": "stream", "rows": "rows", "metrics": "metrics", "us": "us per row"}
    print(f"\nCost\n\n{markdown(rows, columns)}", flush=True)
    return {"rows": rows}


def _microseconds(task: tuple[str, Stream, bool]) -> float:
    """Median over the runs that follow a first one, which loads and compiles."""
    detector, stream, trains = task

    def once() -> None:
        if trains:
            run(detector, stream)
        else:
            product.play(stream.path, stream.windows, training_min_rows=NEVER)

    once()
    return statistics.median(_spent(once) for _ in range(RUNS)) / len(stream.time_ns) * 1e6


def _spent(once: Callable[[], None]) -> float:
    began = cpu_s()
    once()
    return cpu_s() - began
