"""Hands accepted samples to the lake beside the stream, and acknowledges their records once the files are on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from agents.worker.context import Context
from infra.lake.lake import LakeWriter, ParkedFile
from models.names import Metric
from models.parse.outcome import Parsed
from models.series import EntityRule

BUFFER_FLUSHES: Final = 4
"""Times `lake_flush_rows`: rows that may wait while the lake is down, before ingest is held back. About 30 bytes a
row."""


LAKE: Final = "lake"
"""What the guard calls the work of this module."""

Park: TypeAlias = Callable[[Sequence[ParkedFile]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Portion:
    """Samples of one micro-batch, and what to call when they are on disk."""

    parsed: Parsed
    source: str
    offsets: NDArray[np.int64]
    written: Callable[[], None]


class LakeFeed:
    """A bounded buffer before the lake. `run` writes it out, in a thread; the stream goes on meanwhile.

    Args:
        park: makes it known, for good, that samples could not be written.
    """

    def __init__(self, context: Context, rule: EntityRule, park: Park) -> None:
        self._context = context
        self._park = park
        self._flush_s = context.settings.lake_flush_s
        self._flush_rows = context.settings.lake_flush_rows
        self._writer = LakeWriter(context.settings.lake_path, rule)
        self._waiting: list[_Portion] = []
        self._rows = 0
        self._oldest_steady_s = 0.0
        self._changed = asyncio.Event()
        self._emptied = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._files = Counter(
            Metric.LAKE_FILES.value.removesuffix("_total"), "Parquet files written.", registry=context.registry
        )

    async def add(self, parsed: Parsed, source: str, offsets: NDArray[np.int64], written: Callable[[], None]) -> None:
        """Take samples over; waits while the buffer is full. `written` is called when they are on disk."""
        while self._rows >= BUFFER_FLUSHES * self._flush_rows:
            self._emptied.clear()
            await self._emptied.wait()
        if not self._waiting:
            self._oldest_steady_s = self._context.clock.steady_s()
        self._waiting.append(_Portion(parsed, source, offsets, written))
        self._rows += len(parsed.columns)
        self._changed.set()

    async def run(self) -> None:
        """Write whenever enough rows wait or the oldest has waited long enough, until cancelled."""
        while True:
            self._changed.clear()
            due_s = self._due_in_s()
            if due_s is not None and due_s <= 0:
                await self.flush()
                continue
            try:
                await asyncio.wait_for(self._changed.wait(), due_s)
            except TimeoutError:
                continue

    async def flush(self) -> None:
        """Write what waits now and tell that it is written; repeated while the lake is unavailable."""
        async with self._flushing:
            portions, self._waiting = self._waiting, []
            if not portions:
                return
            await self._context.run(self._append, portions)
            files = await self._write()
            await self._park(self._writer.parked)
            self._files.inc(len(files))
            self._rows -= sum(len(portion.parsed.columns) for portion in portions)
            self._emptied.set()
            for portion in portions:
                portion.written()

    async def _write(self) -> list[Path]:
        """Files of what waits in the writer, tried for as long as it takes."""
        while True:
            try:
                files = await self._context.dependencies.until_available(
                    "lake", lambda: self._context.run(self._writer.flush)
                )
            except Exception as error:  # noqa: BLE001 - the outermost loop of the lake
                await self._context.guard.rest(LAKE, "all", error)
            else:
                self._context.guard.goes_on(LAKE, "all")
                return files

    def _append(self, portions: list[_Portion]) -> None:
        for portion in portions:
            parsed = portion.parsed
            self._writer.append(parsed.columns, portion.source, portion.offsets, (parsed.book, parsed.numbers))

    def _due_in_s(self) -> float | None:
        if not self._waiting:
            return None
        if self._rows >= self._flush_rows:
            return 0.0
        return self._oldest_steady_s + self._flush_s - self._context.clock.steady_s()
