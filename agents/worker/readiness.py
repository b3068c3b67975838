"""Whether a worker reads, and what it waits for before it does: what `/ready` answers.

Ready and alive are two questions. A worker whose database is away is alive, and ending it would help nobody; it is not
ready, because it holds the stream back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NoReturn

BEAT_S: Final = 1.0
DEAD_AFTER_S: Final = 60.0
"""Age of the last beat at which a worker counts as hung. Loading compiled loops and folding a backlog hold Python's
lock for a second or two; a minute is far beyond, and short beside the hours in which nobody notices."""


class Stage(StrEnum):
    """What the worker as a whole is at, in this order; `RUNNING` leaves the answer to its parts."""

    SETTINGS = "settings"
    POSTGRESQL = "postgresql"
    KAFKA = "kafka"
    COMPILED_LOOPS = "compiled-loops"
    CONSUMER = "consumer"
    RUNNING = "running"
    END = "end"


class WorkerReadiness:
    """Put together from the worker's stage and from what its parts say. Any thread may ask."""

    def __init__(self, *parts: Callable[[], Iterable[str]]) -> None:
        """Each of `parts` names what it waits for at this moment; they are asked at every stage."""
        self.stage = Stage.SETTINGS
        self._parts = parts

    def waits_for(self) -> list[str]:
        """What has to happen before the worker reads, each once, sorted; empty: it reads.

        >>> readiness = WorkerReadiness(lambda: ["kafka"])
        >>> readiness.stage = Stage.RUNNING
        >>> readiness.waits_for()
        ['kafka']
        """
        awaited = {name for part in self._parts for name in part()}
        if self.stage is not Stage.RUNNING:
            awaited.add(self.stage.value)
        return sorted(awaited)


class Pulse:
    """Beats as long as the event loop turns.

    Args:
        steady_s: seconds that only grow.
    """

    def __init__(self, steady_s: Callable[[], float]) -> None:
        self._steady_s = steady_s
        self._beat_s = steady_s()

    async def beat(self) -> NoReturn:
        """Beat until cancelled."""
        while True:
            self._beat_s = self._steady_s()
            await asyncio.sleep(BEAT_S)

    @property
    def age_s(self) -> float:
        """Seconds since the last beat. Any thread may ask."""
        return self._steady_s() - self._beat_s

    @property
    def is_alive(self) -> bool:
        """Whether the last beat is recent."""
        return self.age_s < DEAD_AFTER_S
