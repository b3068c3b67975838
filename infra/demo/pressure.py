"""A real fault on this machine: CPU and memory pressure from child processes that end by themselves.

Run as `python -m infra.demo.pressure --seconds 45 --memory-mib 2048`. Every process looks at its deadline and at its
parent, so a killed demo leaves nothing burning behind.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time

import psutil

MEMORY_SHARE = 0.12
"""Share of the free memory that is taken: far outside what an idle machine varies by, far from swapping."""

MAX_SECONDS = 300.0
"""No fault lasts longer than this, whatever was asked."""

_PAGE_BYTES = 4096
_SPIN_ROUNDS = 200_000


def _spin(deadline: float, parent: int) -> None:
    while time.monotonic() < deadline and os.getppid() == parent:
        for _ in range(_SPIN_ROUNDS):
            pass


def _press(seconds: float, memory_bytes: int, cores: int) -> None:
    deadline = time.monotonic() + min(seconds, MAX_SECONDS)
    starter = os.getppid()
    ballast = bytearray(memory_bytes)
    ballast[::_PAGE_BYTES] = b"\x01" * len(ballast[::_PAGE_BYTES])  # touched, or the kernel never hands it out
    workers = [multiprocessing.Process(target=_spin, args=(deadline, os.getpid()), daemon=True) for _ in range(cores)]
    for worker in workers:
        worker.start()
    while time.monotonic() < deadline and os.getppid() == starter:
        time.sleep(0.2)
    for worker in workers:
        worker.terminate()


class Pressure:
    """The running fault, as the demo holds it."""

    def __init__(self, seconds: float) -> None:
        memory = psutil.virtual_memory()
        memory_mib = int(memory.available * MEMORY_SHARE) >> 20
        self.memory_ratio = (memory_mib << 20) / memory.total
        self.description = f"{psutil.cpu_count()} busy cores and {memory_mib} MiB for {seconds:.0f} s"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "infra.demo.pressure", "--seconds", str(seconds), "--memory-mib", str(memory_mib)]
        )

    @property
    def active(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End it now, if it has not ended by itself."""
        if self.active:
            self._process.terminate()
        self._process.wait(timeout=10)


def main() -> None:
    """Entry of the child process."""
    parser = argparse.ArgumentParser(description="CPU and memory pressure of bounded length")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--memory-mib", type=int, required=True)
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    _press(arguments.seconds, arguments.memory_mib << 20, arguments.cores)


if __name__ == "__main__":
    main()
