"""How a peer counts itself: samples and CPU time, its start left out.

Runs in the peers' environments: nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib.metadata import version


class Meter:
    """Counts up to `wanted` samples, from `start` on: just before the first fetch. Where a framework hides that moment,
    from the first batch on, which is then not counted, since what it cost is not known."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self._seen = self._uncounted = 0
        self._wall_s: float | None = None
        self._cpu_s = 0.0

    def start(self) -> None:
        """Start the clock."""
        self._wall_s, self._cpu_s = time.perf_counter(), tree_cpu_s()

    def add(self, samples: int) -> bool:
        """Count a batch; True once all are there."""
        if self._wall_s is None:
            self._uncounted = samples
            self.start()
        self._seen += samples
        return self._seen >= self.wanted

    def report(self, *packages: str) -> str:
        """One line of JSON for `benchmarks.peers.run`, with the versions of `packages`."""
        if self._wall_s is None:
            raise RuntimeError("nothing was consumed")
        figures = {
            "samples": self._seen - self._uncounted,
            "wall_s": time.perf_counter() - self._wall_s,
            "cpu_s": tree_cpu_s() - self._cpu_s,
            "versions": {package: version(package) for package in packages},
        }
        return json.dumps(figures)


def tree_cpu_s() -> float:
    """User and system seconds of this process, all its threads, and its children that have ended."""
    return sum(os.times()[:4])


def arguments() -> argparse.Namespace:
    """`servers`, `topic`, `samples`: what every peer is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("topic")
    parser.add_argument("samples", type=int)
    return parser.parse_args()
