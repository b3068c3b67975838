"""What of the embedded stack runs, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.local.processes.ports import answers
from infra.local.stack_file import read_stack_file, supervisor_pid

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class StackStatus:
    """The stack of one home folder.

    Attributes:
        supervisor: its pid; None where no stack runs.
        addresses: by name, without passwords.
        processes: by name: state (`ready`, `starting`, `down`), address, pid, age, memory, restarts, note.
    """

    home: str
    supervisor: int | None
    addresses: Mapping[str, str]
    processes: Mapping[str, Mapping[str, Any]]

    @property
    def well(self) -> bool:
        """Whether it runs, and everything in it."""
        return self.supervisor is not None and all(p["state"] != "down" for p in self.processes.values())


def stack_status(home: Path, now_s: float) -> StackStatus:
    """How the stack in `home` stands."""
    supervisor = supervisor_pid(home)
    if supervisor is None:
        return StackStatus(str(home), None, {}, {})
    noted = read_stack_file(home)
    return StackStatus(
        str(home),
        supervisor,
        {name: without_password(address) for name, address in noted["addresses"].items()},
        {name: process_state(process, now_s) for name, process in noted["processes"].items()},
    )


def status_json(found: StackStatus) -> dict[str, Any]:
    """`found` as JSON is made of."""
    return asdict(found)


def process_state(noted: Mapping[str, Any], now_s: float) -> dict[str, Any]:
    """What is known of one process of the stack: state (`ready`, `starting`, `down`), address, pid, age, memory."""
    state = {"state": "down", **noted, "age_s": None, "memory_mib": None}
    try:
        process = psutil.Process(noted["pid"])
        with process.oneshot():
            if process.status() != psutil.STATUS_ZOMBIE:
                state["age_s"] = round(now_s - process.create_time(), 1)
                state["memory_mib"] = round(process.memory_info().rss / MIB)
                state["state"] = "ready" if answers(int(noted["address"].rpartition(":")[2])) else "starting"
    except psutil.NoSuchProcess:
        pass
    return state


def without_password(address: str) -> str:
    """An address as it may be shown.

    >>> without_password("postgresql://tidewatch:secret@127.0.0.1:5432/tidewatch")
    'postgresql://tidewatch:***@127.0.0.1:5432/tidewatch'
    >>> without_password("127.0.0.1:9092")
    '127.0.0.1:9092'
    """
    scheme, separator, rest = address.rpartition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}:***@{host}" if at else address
