"""One worker process over a backlog, watched through its own /metrics."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ACCEPTED = re.compile(r'^tidewatch_samples_placed_total\{fate="accepted"\} (\S+)', re.M)
CPU = re.compile(r"^process_cpu_seconds_total (\S+)", re.M)
MEMORY = re.compile(r"^process_resident_memory_bytes (\S+)", re.M)
DEADLINE_S = 600.0


class Drained(NamedTuple):
    """How a worker drained a backlog: samples, wall and CPU seconds between two looks, and memory at the end."""

    samples: float
    wall_s: float
    cpu_s: float
    resident_bytes: float


def drain(environment: dict[str, str], n_samples: int) -> Drained:
    """Start a worker, and measure from its first accepted samples until all of them are durable."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        port_file, log = Path(folder) / "port", Path(folder) / "log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "agents", "--agents", "ingest,watch", "--port-file", str(port_file)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=out,
            )
        try:
            return _watch(worker, port_file, log, n_samples)
        finally:
            worker.terminate()
            worker.wait(30)


def _watch(worker: subprocess.Popen[bytes], port_file: Path, log: Path, n_samples: int) -> Drained:
    deadline = time.monotonic() + DEADLINE_S
    first: tuple[float, float, float] | None = None
    while time.monotonic() < deadline:
        if worker.poll() is not None:
            raise RuntimeError(f"the worker ended:\n{log.read_text()[-3000:]}")
        time.sleep(0.05)
        if not port_file.exists():
            continue
        try:
            text = _metrics(port_file.read_text().strip())
        except OSError:     # it ends; the next look says why
            continue
        found, now = ACCEPTED.search(text), time.perf_counter()
        samples = float(found[1]) if found else 0.0
        cpu_s = _number(CPU, text)
        if samples and first is None:
            first = (samples, now, cpu_s)
        if samples >= n_samples and first is not None:
            return Drained(samples - first[0], now - first[1], cpu_s - first[2], _number(MEMORY, text))
    raise RuntimeError(f"the backlog was not drained in time:\n{log.read_text()[-3000:]}")


def _metrics(port: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def _number(pattern: re.Pattern[str], text: str) -> float:
    found = pattern.search(text)
    return float(found[1]) if found else float("nan")
