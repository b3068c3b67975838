"""Which partition of `samples` a series goes to, remembered series by series."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.kafka.partitioning import partition_of
from models.records import with_room
from models.series import SeriesBook

MAX_CACHED: Final = 1_000_000
"""Entities whose partition is remembered; about 150 bytes each. Beyond it the cache starts anew."""


class Partitioner:
    """Which `samples` partition a series belongs to: that of its entity, by Kafka's default partitioner (murmur2)."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._entities: dict[str, int] = {}
        self._book = SeriesBook()
        self._by_number = np.empty(0, np.int64)

    def __call__(self, book: SeriesBook, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """Partitions of series, by their numbers in the book."""
        if book is not self._book:
            self._book, self._by_number = book, np.empty(0, np.int64)
        self._by_number = with_room(self._by_number, len(book.owners))
        for number in numbers[self._by_number[numbers] < 0].tolist():
            self._by_number[number] = self._of(book.owners[number].entity)
        return self._by_number[numbers]

    def _of(self, entity: str) -> int:
        if len(self._entities) >= MAX_CACHED:
            self._entities.clear()
        known = self._entities.get(entity)
        if known is None:
            known = self._entities[entity] = partition_of(entity.encode(), self._partitions)
        return known
