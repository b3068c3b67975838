"""The two clocks of a machine, handed to whoever needs one; only composition roots take `SystemClock`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A wall clock and a steady one; a moment of the one is never compared with a moment of the other."""

    def now_ns(self) -> int:
        """The present, nanoseconds since the epoch; somebody may set it back or forward while the program runs."""

    def steady_s(self) -> float:
        """Seconds since some moment, never less than before: how long something took, how long to wait."""


class SystemClock:
    """The clocks of this machine."""

    def now_ns(self) -> int:
        """See `Clock`."""
        return time.time_ns()

    def steady_s(self) -> float:
        """See `Clock`; the clock of asyncio's loops too."""
        return time.monotonic()
