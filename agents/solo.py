"""Work that one worker at a time does: whoever holds a PostgreSQL advisory lock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")

RETRY_S: Final = 1.0
"""How often a worker without the lock asks for it: the longest time the work rests after its holder died."""


class Solo:
    """A thread of its own with a database connection of its own, which holds the lock `name` while it is ours.

    Whatever `run` does on that thread through `database` uses the connection that holds the lock, so it fails when the
    lock is lost instead of going on beside the next holder.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._lock = AdvisoryLock(database, name)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Result of the blocking `function`, called on the lock's thread."""
        return await asyncio.wrap_future(self._thread.submit(function, *args, **kwargs))

    async def holds(self) -> bool:
        """Whether this worker holds the lock, taking it if it is free. Raises `Unavailable` when PostgreSQL is."""
        return await self.run(self._lock.acquire)

    async def close(self) -> None:
        """Give the lock to the next worker and end the thread."""
        await self.run(self._lock.release)
        self._thread.shutdown(wait=False)
