"""A clock that producers are given, so that their pace is an argument and tests need not wait."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from models.timestamps import SECOND_NS


class WaitingClock(Protocol):
    """The present, and waiting for a later one."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""

    def sleep_until(self, time_ns: int) -> bool:
        """Wait until `time_ns`; False when it was told to stop, then or before."""


class SystemWaitingClock:
    """The machine's clock; `stop` ends a wait, from any thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now_ns(self) -> int:
        return time.time_ns()

    def sleep_until(self, time_ns: int) -> bool:
        return not self._stopped.wait(max(0.0, (time_ns - time.time_ns()) / SECOND_NS))

    def stop(self) -> None:
        """Make this and every later wait end at once with False."""
        self._stopped.set()
