"""One worker process over a backlog, watched through its progress in PostgreSQL: a scrape costs what it measures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg2

ROOT = Path(__file__).parents[2]
DEADLINE_S = 600.0
LOOK_S = 0.1


class Drained(NamedTuple):
    """How a worker drained a backlog: samples, wall and CPU seconds between two looks, and memory at the end."""

    samples: float
    wall_s: float
    cpu_s: float
    resident_bytes: float


def drain(environment: dict[str, str], n_samples: int) -> Drained:
    """Start a worker, and measure from its first durable samples until all of them are."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-bench-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "agents", "--agents", "ingest,watch"],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=out,
            )
        try:
            return _watch(worker, environment["TIDEWATCH_DATABASE_URL"], log, n_samples)
        finally:
            worker.terminate()
            worker.wait(30)


def _watch(worker: subprocess.Popen[bytes], url: str, log: Path, n_samples: int) -> Drained:
    deadline = time.monotonic() + DEADLINE_S
    process = psutil.Process(worker.pid)
    first: tuple[int, float, float] | None = None
    while time.monotonic() < deadline:
        if worker.poll() is not None:
            raise RuntimeError(f"the worker ended:\n{log.read_text()[-3000:]}")
        time.sleep(LOOK_S)
        durable = _durable(url)
        cpu, now = process.cpu_times(), time.perf_counter()
        if durable and first is None:
            first = (durable, now, cpu.user + cpu.system)
        if durable >= n_samples and first is not None:
            resident = process.memory_info().rss
            return Drained(durable - first[0], now - first[1], cpu.user + cpu.system - first[2], resident)
    raise RuntimeError(f"the backlog was not drained in time:\n{log.read_text()[-3000:]}")


def _durable(url: str) -> int:
    """Records of `metrics` that are folded and stored (a sample each): the highest offset per source partition says."""
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('progress') IS NOT NULL")
            row = cursor.fetchone()
            if not row or not row[0]:
                return 0
            cursor.execute("SELECT source_high FROM progress")
            high: dict[str, int] = {}
            for (stored,) in cursor.fetchall():
                for source, offset in stored.items():
                    high[source] = max(high.get(source, -1), offset)
            return sum(offset + 1 for offset in high.values())
    finally:
        connection.close()
