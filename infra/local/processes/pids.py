"""Pid files that can be trusted: a pid is noted with its start time, and only that very process is ever ended."""

from __future__ import annotations

import json
import os
import pwd
import signal
from pathlib import Path

import psutil

# Linux counts start times in ticks of 10 ms since boot; a clock step between two readings shifts the boot time a little
SAME_START_S = 2.0
STOP_TIMEOUT_S = 15.0


def pid_file(home: Path, name: str) -> Path:
    """Where the pid of the process called `name` is noted."""
    return home / "run" / f"{name}.json"


def record(path: Path, pid: int, stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Write down a pid with its start time: the pair names a process for good, a pid alone is used again."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # ended at once; whoever waits for it tells why
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{os.getpid()}")
    whole.write_text(json.dumps({"pid": pid, "started": started, "stop_signal": int(stop_signal)}))
    whole.replace(path)


def recorded(path: Path) -> psutil.Process | None:
    """The process a pid file names, if that very process still runs; None for a stale or damaged file."""
    try:
        noted = json.loads(path.read_text())
        process = psutil.Process(int(noted["pid"]))
        same = abs(process.create_time() - float(noted["started"])) < SAME_START_S
        running = process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return process if same and running else None


def stop_recorded(path: Path, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """End what an earlier run left behind, in the way it wants to be stopped; True if there was something."""
    process = recorded(path)
    if process is not None:
        end(process, timeout_s, signal.Signals(json.loads(path.read_text()).get("stop_signal", signal.SIGTERM)))
    path.unlink(missing_ok=True)
    return process is not None


def end(process: psutil.Process, timeout_s: float, first: signal.Signals = signal.SIGTERM) -> None:
    """End a process that is not our child: `first`, then SIGKILL after `timeout_s`."""
    try:
        process.send_signal(first)
        process.wait(timeout_s)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)


def group_of(user: str | None) -> int | None:
    """Primary group of a system user."""
    return None if user is None else pwd.getpwnam(user).pw_gid
