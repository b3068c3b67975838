"""Snapshots of partitions, taken beside their stream.

The state at an offset is copied between two micro-batches, which takes milliseconds; compressing and writing the copy
goes on while further micro-batches are folded. The row that names it is written with the effects of the first
micro-batch that finds it done: from then on a replay begins at its offset, below the offset that is stored.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from agents.watch.partition_state import PartitionImage, PartitionState
from agents.worker.context import Context
from infra.store import progress
from infra.store.progress import Snapshot, StoredSnapshot
from models.errors import Unavailable

log = logging.getLogger(__name__)

AT_ONCE: Final = 1
"""Copies that are compressed and written at the same moment: one is as large as the partition's state."""


class Snapshots:
    """Those of the partitions of `topic`; each partition has one on its way at most."""

    def __init__(self, context: Context, topic: str) -> None:
        self._context = context
        self._settings = context.settings
        self._topic = topic
        self._room = asyncio.Semaphore(AT_ONCE)
        self.under_way: dict[PartitionState, asyncio.Task[StoredSnapshot | None]] = {}

    async def begin_if_due(self, state: PartitionState) -> None:
        """Copy the state as it is between two micro-batches, if it is time, and let the copy be written."""
        if state in self.under_way or self._room.locked():
            return
        if self._context.clock.steady_s() - state.snapshot_steady_s >= self._settings.snapshot_every_s:
            image = await self._context.run(state.image)
            self.under_way[state] = asyncio.create_task(self._write(state.partition, image))

    def take_written(self, state: PartitionState) -> StoredSnapshot | None:
        """What is complete and waits for its row; None where nothing is, or it could not be written."""
        task = self.under_way.get(state)
        if task is None or not task.done():
            return None
        if task.result() is None:
            del self.under_way[state]
        return task.result()

    async def stored(self, state: PartitionState, snapshot: StoredSnapshot) -> None:
        """Note that the row is committed: what older rows named goes, and the next one may begin."""
        await self._context.run(
            progress.delete_old_files, self._settings.lake_path, self._topic, state.partition, snapshot
        )
        state.snapshot_steady_s = self._context.clock.steady_s()
        del self.under_way[state]

    def forget(self, state: PartitionState) -> None:
        """Let go of a partition that is somebody else's now; what is on its way is of no use."""
        self.under_way.pop(state, None)

    async def _write(self, partition: int, image: PartitionImage) -> StoredSnapshot | None:
        def write() -> StoredSnapshot:
            body = Snapshot(image.position, image.to_bytes())
            return progress.prepare_snapshot(self._settings.lake_path, self._topic, partition, body)

        async with self._room:
            try:
                return await self._context.run(write)
            except Unavailable as error:  # the stream does not wait for it: the next one is due at once
                log.warning("no snapshot of %s:%s: %s", self._topic, partition, error)
                return None
