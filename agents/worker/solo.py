"""Work that one worker at a time does: whoever holds a PostgreSQL advisory lock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NoReturn, ParamSpec, TypeVar

from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from models.errors import TidewatchError

P = ParamSpec("P")
T = TypeVar("T")

RETRY_S: Final = 1.0
"""How often a worker without the lock asks for it: the longest time the work rests after its holder died."""


class HeldElsewhere(TidewatchError):
    """Another worker holds the lock, so the work is its to do."""


class Solo:
    """A thread of its own with a database connection of its own, which holds the lock `name` while it is ours.

    What `run` does on that thread through `database` uses the connection that holds the lock, so it fails when the lock
    is lost instead of going on beside the next holder.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._name = name
        self._lock = AdvisoryLock(database, name)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Result of the blocking `function`, called on the lock's thread while this worker holds the lock.

        Raises:
            HeldElsewhere: another worker has the lock; nothing was called.
            Unavailable: PostgreSQL does not answer.
        """

        def call() -> T:
            if not self._lock.acquire():
                raise HeldElsewhere(f"another worker holds {self._name}")
            return function(*args, **kwargs)

        return await asyncio.wrap_future(self._thread.submit(call))

    async def repeat(self, turn: Callable[[], Awaitable[None]], while_elsewhere: Callable[[], None]) -> NoReturn:
        """Call `turn` over and over until cancelled; while the lock is elsewhere, call `while_elsewhere` and rest."""
        while True:
            try:
                await turn()
            except HeldElsewhere:
                while_elsewhere()
                await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Give the lock to the next worker and end the thread."""
        await asyncio.wrap_future(self._thread.submit(self._lock.release))
        self._thread.shutdown(wait=False)
