"""Starts and stops the stack's supervisor from another process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from infra.local.processes.pids import pid_file, recorded, stop_recorded
from infra.local.processes.process import last_line
from infra.local.stack import SERVICES, WORKERS
from infra.local.stack_file import SUPERVISOR, supervisor_pid
from infra.local.supervisor import events_file
from infra.settings import STACK_FILE
from models.errors import Misconfigured, Unavailable

POLL_S = 0.05
STOP_TIMEOUT_S = 90.0  # Kafka and PostgreSQL may flush what a loaded machine left to write


def start_supervisor(home: Path, say: Callable[[str], None], options: Sequence[str] = ()) -> bool:
    """Start the stack in a process of its own and return when it is ready; False: it ran already.

    Interrupted, it takes back what it started. `options` are the supervisor's.

    Raises:
        Misconfigured, Unavailable: as the stack says.
    """
    if supervisor_pid(home) is not None:
        return False
    events = events_file(home)
    events.parent.mkdir(parents=True, exist_ok=True)
    events.write_text("")
    log = home / "logs" / f"{SUPERVISOR}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        # outlives this terminal
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.supervisor", "--home", str(home), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _until_ready(process, EventTail(events, from_start=True), log, say)
    except KeyboardInterrupt:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        raise
    return True


def stop_supervisor(home: Path, say: Callable[[str], None]) -> bool:
    """Stop the stack of this home, and what a killed supervisor left; False: there was nothing."""
    supervisor = recorded(pid_file(home, SUPERVISOR))
    if supervisor is not None:
        told = EventTail(events_file(home), from_start=False)
        supervisor.terminate()
        until = time.monotonic() + STOP_TIMEOUT_S
        while supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            _tell(told.new(), say)
            time.sleep(POLL_S)
        _tell(told.new(), say)
    left_behind = [name for name in (SUPERVISOR, *WORKERS, *SERVICES) if stop_recorded(pid_file(home, name))]
    for name in left_behind:
        say(f"{name}: ended the one that a killed stack left behind")
    (home / STACK_FILE).unlink(missing_ok=True)
    return supervisor is not None or bool(left_behind)


class EventTail:
    """The events that were appended to a file since it was last asked."""

    def __init__(self, path: Path, *, from_start: bool) -> None:
        self._path = path
        self._read_bytes = 0 if from_start or not path.exists() else path.stat().st_size

    def new(self) -> list[dict[str, Any]]:
        """Whole lines only; one that is being written is returned next time."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._read_bytes)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def _tell(events: list[dict[str, Any]], say: Callable[[str], None]) -> None:
    for event in events:
        if "line" in event:
            say(event["line"])


def _until_ready(process: subprocess.Popen[bytes], told: EventTail, log: Path, say: Callable[[str], None]) -> None:
    while True:
        ended = process.poll() is not None  # asked before reading: what it said last is read after
        events = told.new()
        _tell(events, say)
        for event in events:
            if event.get("end") == "ready":
                return
            if event.get("end") == "failed":
                raise Misconfigured(event["error"]) if event["misuse"] else Unavailable("the stack", event["error"])
        if ended:
            raise Unavailable("the stack", f"its supervisor ended: {last_line(log)} (see {log})")
        time.sleep(POLL_S)
