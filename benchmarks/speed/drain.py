"""One worker over a backlog."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from benchmarks.speed.bench import Lane
from benchmarks.speed.worker import LOOK_S, MeasuredWorker
from benchmarks.speed.workload import Workload

DEADLINE_S: Final = 900.0


class Drained(NamedTuple):
    """How a worker drained a backlog.

    Attributes:
        samples: all of them. cpu_s: from the moment in which it was prepared to consume until all was durable.
        rate: samples a second of wall time, from its first durable samples on: joining the group takes seconds.
        resident_bytes: at the end. peak_bytes: the most that was seen, every 50 ms.
    """

    samples: int
    cpu_s: float
    rate: float
    resident_bytes: int
    peak_bytes: int

    @property
    def per_cpu_s(self) -> float:
        """Samples a CPU-second."""
        return self.samples / self.cpu_s


def drain(lane: Lane, workload: Workload) -> Drained:
    """Start a worker on a lane whose `metrics` holds the workload; return when all of it is durable."""
    last = workload.last_offsets(lane.settings.partitions)
    with MeasuredWorker(lane.environment) as worker:
        worker.until_logged()
        began_cpu_s = worker.cpu_s()
        first: list[tuple[float, int]] = []
        peak = 0

        def done() -> bool:
            nonlocal peak
            peak = max(peak, worker.resident_bytes())
            if not first and (samples := lane.progress.samples()):
                first.append((time.perf_counter(), samples))
            return bool(first) and lane.progress.reached(last)

        wait_for(done, worker, DEADLINE_S)
        cpu_s, wall_s = worker.cpu_s() - began_cpu_s, time.perf_counter() - first[0][0]
        rate = (len(workload) - first[0][1]) / wall_s if wall_s > 0 else float("nan")
        return Drained(len(workload), cpu_s, rate, worker.resident_bytes(), peak)


def wait_for(condition: Callable[[], bool], worker: MeasuredWorker, deadline_s: float) -> None:
    """Look until `condition` holds; raises with the worker's last words when it ends or time is up."""
    until = time.monotonic() + deadline_s
    while not condition():
        worker.require_running()
        if time.monotonic() > until:
            raise RuntimeError(f"the worker did not get there in {deadline_s:.0f} s:\n{worker.log_end()}")
        time.sleep(LOOK_S)
