"""`stack.json`: where the running stack's services are, for every other process (infra/settings.py reads it)."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from infra.local.processes.pids import pid_file, recorded
from infra.settings import STACK_FILE
from models.errors import Misconfigured

SUPERVISOR = "supervisor"


def write_stack_file(home: Path, addresses: Mapping[str, str], processes: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the file in one step; only its owner may read it, for it holds the database's password."""
    whole = home / f".{STACK_FILE}.{os.getpid()}"
    whole.touch(mode=0o600)
    whole.write_text(json.dumps({"addresses": dict(addresses), "processes": dict(processes)}, indent=1) + "\n")
    whole.replace(home / STACK_FILE)


def read_stack_file(home: Path) -> dict[str, Any]:
    """What the running stack wrote down; empty parts when nothing runs or the file is damaged."""
    try:
        noted = json.loads((home / STACK_FILE).read_text())
        return {"addresses": dict(noted["addresses"]), "processes": dict(noted["processes"])}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {"addresses": {}, "processes": {}}


def supervisor_pid(home: Path) -> int | None:
    """Pid of the process that runs this home's stack; None when nothing runs."""
    process = recorded(pid_file(home, SUPERVISOR))
    return None if process is None else process.pid


def take_home(home: Path) -> IO[str]:
    """Make this process the only one that runs a stack in `home`, until it closes the returned file or dies.

    Raises:
        Misconfigured: another process runs one.
    """
    (home / "run").mkdir(parents=True, exist_ok=True)
    lock = (home / "run" / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        owner = supervisor_pid(home)
        raise Misconfigured(f"a stack already runs in {home} (pid {owner}): `tidewatch down` ends it") from error
    return lock
