"""A worker in a process of its own, which a test may kill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_S = 30.0


@contextlib.contextmanager
def worker(home: Path, *roles: str, **settings: object) -> Iterator[subprocess.Popen[bytes]]:
    """A running worker with these roles and settings, named as in `infra.settings`; killed at the end at the latest."""
    named = {f"TIDEWATCH_{name.upper()}": str(value) for name, value in settings.items()}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TIDEWATCH_")}
    with (home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agents", "--agents", ",".join(roles)],
            cwd=ROOT,
            env={**ours, **named, "TIDEWATCH_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(STOP_S)
