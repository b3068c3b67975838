"""What has been measured, by which state of the code, on which machine: `benchmarks/results/latest.json`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

ROOT: Final = Path(__file__).parents[2]
LATEST: Final = ROOT / "benchmarks" / "results" / "latest.json"
MEASURED: Final = ("agents", "benchmarks", "infra", "models", "requirements.txt")
"""What a figure depends on: a commit that touches nothing of it leaves the figures standing."""
EXCEPT: Final = tuple(f":!{path}" for path in ("*.md", *(f"benchmarks/{n}" for n in ("results", "causes", "forecast"))))


def commit() -> str:
    """The newest commit that a figure depends on; with `+` where the files differ from it, empty without git."""
    paths = ["--", *MEASURED, *EXCEPT]
    newest = _git("log", "-1", "--format=%h", *paths)
    return f"{newest}+" if newest and _git("status", "--porcelain", *paths) else newest


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> dict[str, Any]:
    """What the figures were taken on; `load` tells whether it had anything else to do."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    """Name of the processor where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())


class Record:
    """The rows of one file. Rows of a measurement are replaced together, and written at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.body: dict[str, Any] = {"rows": []}
        if path.is_file():
            self.body = json.loads(path.read_text())

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.body["rows"])

    def has(self, measurement: str, commit: str) -> bool:
        """Whether this very state of the code has been measured; never of changed or unknown files."""
        known = {row["commit"] for row in self.rows if row["measurement"] == measurement}
        return known == {commit} and bool(commit) and not commit.endswith("+")

    def replace(self, measurement: str, rows: Sequence[dict[str, Any]], commit: str, order: Sequence[str]) -> None:
        """Put down the rows of a measurement; the file is in the order of the measurements."""
        about = {
            "measurement": measurement,
            "commit": commit,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        kept = [row for row in self.rows if row["measurement"] != measurement and row["measurement"] in order]
        merged = [*kept, *({**row, **about} for row in rows)]
        merged.sort(key=lambda row: order.index(row["measurement"]))
        self.body = {"machine": machine(), "rows": merged}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        whole.write_text(json.dumps(self.body, indent=1, allow_nan=False) + "\n")
        whole.replace(self._path)
