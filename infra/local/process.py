"""One child process of the embedded stack: started, waited for, stopped, and never confused with a stranger's.

A child runs in its own process group, writes to its own log file, and asks the kernel for its stop signal when the thread
that started it ends, so a killed supervisor leaves nothing behind (Linux; elsewhere the pid file does the cleaning up at the
next start). **Start children from a thread that lives as long as they should.**
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from models.errors import Unavailable

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL_S = 0.05
# Linux counts start times in ticks of 10 ms since boot; a clock step between two readings shifts the boot time a little
SAME_START_S = 2.0
LOG_KEPT_BYTES = 20_000_000

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to run and how it wants to be stopped."""

    name: str
    argv: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)  # added to ours
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 15.0
    user: str | None = None  # run as this system user; needs root


class Child:
    """A running `Program`."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes], log: Path, pid_file: Path) -> None:
        self.program = program
        self.log = log
        self._process = process
        self._pid_file = pid_file

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def wait_ready(self, probe: Callable[[], bool], deadline_s: float) -> None:
        """Return when `probe` says yes; raise `Unavailable` with the log's last line if the child ends or time is up."""
        until = time.monotonic() + deadline_s
        while not probe():
            if self.exit_code is not None:
                raise Unavailable(self.name, f"ended with {self.exit_code}: {last_line(self.log)} (see {self.log})")
            if time.monotonic() > until:
                raise Unavailable(self.name, f"not ready after {deadline_s:.0f} s: {last_line(self.log)} (see {self.log})")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End it and its group: its stop signal first, SIGKILL when that is ignored. May be called again."""
        if self.exit_code is None:
            self._process.send_signal(self.program.stop_signal)
            try:
                self._process.wait(self.program.stop_timeout_s)
            except subprocess.TimeoutExpired:
                pass
        _kill_group(self._process.pid)
        self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL to the whole group; for tests of the bad days."""
        _kill_group(self._process.pid)
        self._process.wait()


def spawn(program: Program, home: Path) -> Child:
    """Start `program` with its log in `home/logs` and its pid in `home/run`; ends a predecessor that still runs."""
    stop_recorded(program.name, home)
    log = home / "logs" / f"{program.name}.log"
    pid_file = _pid_file(program.name, home)
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    stop_signal = int(program.stop_signal)

    def die_with_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, stop_signal)

    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in program.argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=program.folder,
            env={**os.environ, **program.environment},
            # its own session: a Ctrl-C in the terminal reaches the supervisor alone, which then stops things in order
            start_new_session=True,
            user=program.user,
            group=group_of(program.user),
            extra_groups=[] if program.user else None,
            preexec_fn=die_with_parent,
        )
    record(pid_file, process.pid)
    return Child(program, process, log, pid_file)


def group_of(user: str | None) -> int | None:
    """Primary group of a system user."""
    if user is None:
        return None
    import pwd

    return pwd.getpwnam(user).pw_gid


def record(pid_file: Path, pid: int) -> None:
    """Write down a pid with its start time: the pair names a process for good, a pid alone is used again."""
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # ended at once; whoever waits for readiness tells why
        return
    pid_file.write_text(json.dumps({"pid": pid, "started": started}))


def recorded(pid_file: Path) -> psutil.Process | None:
    """The process a pid file names, if that very process still runs; None for a stale or damaged file."""
    try:
        noted = json.loads(pid_file.read_text())
        process = psutil.Process(int(noted["pid"]))
        same = abs(process.create_time() - float(noted["started"])) < SAME_START_S
        running = process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        return None
    return process if same and running else None


def stop_recorded(name: str, home: Path, timeout_s: float = 15.0) -> bool:
    """End what an earlier run left behind under this name; True if there was something."""
    pid_file = _pid_file(name, home)
    process = recorded(pid_file)
    if process is not None:
        end(process, timeout_s)
    pid_file.unlink(missing_ok=True)
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


def last_line(log: Path) -> str:
    """The last line that says something, for a one-line error; empty when the log is."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4096))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _pid_file(name: str, home: Path) -> Path:
    return home / "run" / f"{name}.json"


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        return
