"""Runs many detectors over many streams, a process per core, and says how far it is."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""A process has one core: what libraries would start besides only gets in the way of the others."""


def run_all(tasks: Mapping[str, Task], work: Callable[[Task], Result], jobs: int) -> dict[str, Result]:
    """Results by name. Tasks begin in the order given: put the long ones first.

    Raises:
        Exception: of the first task that failed; those not begun are dropped.
    """
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    began, results = time.monotonic(), {}
    # a fresh interpreter per process: a fork would inherit the threads of whatever was imported
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        names = {pool.submit(work, task): name for name, task in tasks.items()}
        try:
            for future in as_completed(names):
                results[names[future]] = future.result()
                _say(len(results), len(names), names[future], time.monotonic() - began)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results


def _say(done: int, total: int, name: str, elapsed_s: float) -> None:
    print(f"[{done}/{total}] {elapsed_s:5.0f} s: {name}", file=sys.stderr, flush=True)


def usual_jobs() -> int:
    """A process per core that this one may use."""
    return len(os.sched_getaffinity(0))
