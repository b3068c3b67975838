"""What every service of the embedded stack has in common: prepared, launched, ready, restarted, stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from infra.local.processes.ports import LOOPBACK, ChosenPort
from infra.local.processes.process import Child, Program, spawn
from models.errors import Unavailable


class Service(ABC):
    """A program with a loopback port and its data under `home`.

    The order of calls is `prepare` (may take its time), `launch` (returns at once), `ready` until it says so, `stop`;
    `restart` keeps port and data.
    """

    name: str
    ready_deadline_s: float = 60.0

    def __init__(self, home: Path, port: ChosenPort) -> None:
        self.home = home.resolve()
        self.port = port.number
        self.note = port.note
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def child(self) -> Child:
        """The running process; raises `Unavailable` before `launch`."""
        if self._child is None:
            raise Unavailable(self.name, "not started")
        return self._child

    @abstractmethod
    def prepare(self) -> None:
        """Put on disk what the program needs; does nothing where that is there."""

    @abstractmethod
    def program(self) -> Program:
        """What to run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it does its job now."""

    def launch(self) -> None:
        """Start the program from this thread; ends what an earlier run left behind."""
        self._child = spawn(self.program(), self.home)

    def wait_ready(self) -> None:
        """Return when it does its job; raises `Unavailable` when it ends or does not get there in time."""
        self.child.wait_ready(self.ready, self.ready_deadline_s)

    def start(self) -> Self:
        """`prepare`, `launch` and `wait_ready`; leaves nothing running when one of them fails."""
        self.prepare()
        self.launch()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def restart(self) -> None:
        """Stop it if it runs, and launch it again on the same port and data."""
        self.stop()
        self.prepare()
        self.launch()

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self._child is not None:
            self._child.ask_to_stop()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """Shut it down; its data stays. May be called again."""
        if self._child is not None:
            self._child.stop()
