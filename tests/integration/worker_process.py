"""A real worker process that a test can kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[2]
READY_S = 120.0


class WorkerProcess:
    """`python -m agents` with settings from `environment`, logging to a file in `folder`."""

    def __init__(self, folder: Path, agents: str, environment: dict[str, str], name: str = "worker") -> None:
        self._folder, self._agents, self._name = folder, agents, name
        self.health_file = folder / f"{name}.health"
        self._environment = {**os.environ, **environment, "TIDEWATCH_HEALTH_FILE": str(self.health_file)}
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{name}.log"

    def start(self) -> WorkerProcess:
        assert self._process is None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agents", "--agents", self._agents],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        return self

    def kill(self) -> None:
        """`kill -9`, and wait until the process is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None
        self.health_file.unlink(missing_ok=True)

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM, once the worker listens for it (before that it ends Python at once); the exit code."""
        assert self.url
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(within_s)
        self._process = None
        return code

    def wait(self, within_s: float) -> int:
        """The exit code of a worker that ends by itself."""
        assert self._process is not None
        code = self._process.wait(within_s)
        self._process = None
        return code

    def restart_if_dead(self) -> None:
        """What a process supervisor does."""
        if not self.alive:
            self._process = None
            self.start()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def metrics(self) -> str:
        """What the worker shows to Prometheus, once it listens."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    @property
    def url(self) -> str:
        """Base address of what it serves, once it listens."""
        deadline = time.monotonic() + READY_S
        while not self.health_file.exists():
            assert time.monotonic() < deadline, f"it does not listen; log: {self.log.read_text()[-3000:]}"
            time.sleep(0.05)
        return str(json.loads(self.health_file.read_text())["url"]).removesuffix("/ready")

    def __enter__(self) -> WorkerProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None
        if error is not None:
            print(self.log.read_text()[-6000:])
