"""Worker processes under measurement, watched from outside: processor, memory, and what PostgreSQL holds of them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
import psycopg2

ROOT: Final = Path(__file__).parents[2]
STARTED: Final = "worker starts"
"""What the worker logs when it is prepared and begins to consume: everything before is its start, not its work."""
START_DEADLINE_S: Final = 180.0
LOOK_S: Final = 0.05
STOP_S: Final = 30.0


class MeasuredWorker:
    """`python -m agents` with settings from `environment`; a context manager that ends it.

    Args:
        core: the one core that it may use; None: all.
    """

    def __init__(self, environment: Mapping[str, str], agents: str = "ingest,watch", core: int | None = None) -> None:
        self._environment = {**os.environ, **environment}
        self._agents = agents
        self._core = core
        self._folder = tempfile.TemporaryDirectory(prefix="tidewatch-bench-")
        self._log = Path(self._folder.name) / "log"

    def __enter__(self) -> Self:
        with self._log.open("wb") as out:
            self._process = psutil.Popen(
                [sys.executable, "-m", "agents", "--agents", self._agents],
                cwd=ROOT,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        if self._core is not None:
            self._process.cpu_affinity([self._core])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except psutil.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_S)
        self._folder.cleanup()

    def until_logged(self, text: str = STARTED, deadline_s: float = START_DEADLINE_S) -> None:
        """Return when the log has `text`."""
        until = time.monotonic() + deadline_s
        while text not in self._log.read_text():
            self.require_running()
            if time.monotonic() > until:
                raise RuntimeError(f"the worker did not log {text!r} in {deadline_s:.0f} s:\n{self.log_end()}")
            time.sleep(LOOK_S)

    def require_running(self) -> None:
        """Raise with the end of the log when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the worker ended with {self._process.returncode}:\n{self.log_end()}")

    def log_end(self) -> str:
        return self._log.read_text()[-3000:]

    def cpu_s(self) -> float:
        """User and system seconds so far, of the process and its children."""
        return tree_cpu_s([self._process])

    def resident_bytes(self) -> int:
        """Resident memory now."""
        return int(self._process.memory_info().rss)


def tree_cpu_s(roots: list[psutil.Process]) -> float:
    """User and system seconds of processes and all that run below them, those that have ended included."""
    total = 0.0
    for root in roots:
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


class Progress:
    """How far a lane's samples are durable, by the highest source offset that PostgreSQL holds for each partition."""

    def __init__(self, database_url: str) -> None:
        self._connection = psycopg2.connect(database_url)
        self._connection.autocommit = True

    def close(self) -> None:
        self._connection.close()

    def _stored(self) -> dict[int, dict[int, int]]:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT partition, source_high FROM progress")
            return {
                partition: {
                    int(source.rpartition(":")[2]): offset
                    for source, offset in (json.loads(high) if isinstance(high, str) else high).items()
                }
                for partition, high in cursor.fetchall()
            }

    def reached(self, last: Mapping[int, Mapping[int, int]]) -> bool:
        """Whether everything up to `last` (`Workload.last_offsets`) is folded and stored."""
        stored = self._stored()
        return all(
            stored.get(target, {}).get(source, -1) >= offset
            for target, of_target in last.items()
            for source, offset in of_target.items()
        )

    def samples(self) -> int:
        """Samples durable so far, about: by the farthest partition of each source."""
        high: dict[int, int] = {}
        for of_target in self._stored().values():
            for source, offset in of_target.items():
                high[source] = max(high.get(source, -1), offset)
        return sum(offset + 1 for offset in high.values())
