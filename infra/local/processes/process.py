"""One child process of the embedded stack: started, waited for, stopped, and never confused with a stranger's.

A child runs in its own process group, writes to its own log file, and asks the kernel for its stop signal when the
thread that started it ends, so a killed supervisor leaves nothing behind (Linux; elsewhere the pid file lets the next
start clean up). **Start children from a thread that lives as long as they should.**
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from infra.libc_seams import end_with_parent
from infra.local.processes.pids import group_of, pid_file, record, stop_recorded
from models.errors import Unavailable

POLL_S = 0.05
LOG_KEPT_BYTES = 20_000_000


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

    def __init__(self, program: Program, process: subprocess.Popen[bytes], log: Path, pids: Path) -> None:
        self.program = program
        self.log = log
        self.started_s = time.monotonic()
        self._process = process
        self._pids = pids

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

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_s

    def require_running(self) -> None:
        """Raise `Unavailable`, with the log's last line, when it has ended."""
        if self.exit_code is not None:
            raise Unavailable(self.name, f"ended with {self.exit_code}: {last_line(self.log)} (see {self.log})")

    def wait_ready(self, probe: Callable[[], bool], deadline_s: float) -> None:
        """Return when `probe` says yes; raise `Unavailable` when the child ends or time is up."""
        until = time.monotonic() + deadline_s
        while not probe():
            self.require_running()
            if time.monotonic() > until:
                raise Unavailable(self.name, f"not ready in {deadline_s:.0f} s: {last_line(self.log)} (see {self.log})")
            time.sleep(POLL_S)

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self.exit_code is None:
            self._process.send_signal(self.program.stop_signal)

    def stop(self) -> None:
        """End it and its group: its stop signal first, SIGKILL when that is ignored. May be called again."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.program.stop_timeout_s)
        self.kill()
        self._pids.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL to the whole group."""
        # macOS says EPERM for a group of zombies
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def spawn(program: Program, home: Path) -> Child:
    """Start `program` with its log in `home/logs` and its pid in `home/run`; ends a predecessor that still runs."""
    pids = pid_file(home, program.name)
    stop_recorded(pids)
    log = home / "logs" / f"{program.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    stop_signal = int(program.stop_signal)

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
            preexec_fn=partial(end_with_parent, stop_signal),  # noqa: PLW1509  one system call of a library loaded before: no lock to wait for
        )
    record(pids, process.pid, program.stop_signal)
    return Child(program, process, log, pids)


def last_line(log: Path) -> str:
    """The last line that says something, for a one-line error; empty when the log is."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 4096))
            lines = stream.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
