"""Whether a consumer reads, and what it waits for before it does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from faust.types import TP

SILENT_AFTER_S: Final = 10.0
"""How long the broker may leave the question for the logs' ends unanswered before it counts as away. It is asked five
times in this time, and a broker's restart takes longer."""

PARTITIONS: Final = "partitions"
BROKER: Final = "kafka"
FIRST_FETCH: Final = "first-fetch"


class Reading:
    """What has happened since the group last gave partitions. Any thread may ask."""

    def __init__(self) -> None:
        self._joined = self._fetching = False
        self._heard_s = 0.0

    def joined(self, now_s: float) -> None:
        """The group has said which partitions are ours, if only none."""
        self._heard_s, self._joined = now_s, True

    def left(self) -> None:
        """A rebalance began: nothing is fetched until its end."""
        self._joined = self._fetching = False

    def fetches(self) -> None:
        """The broker is being asked for records."""
        self._fetching = True

    def heard(self, now_s: float) -> None:
        """The broker has answered."""
        self._heard_s = now_s

    def waits_for(self, assigned: Callable[[], Iterable[TP]], placed: Collection[TP], now_s: float) -> list[str]:
        """What has to happen before every partition is fetched; empty: it is.

        Args:
            assigned: gives the partitions that are ours; called once the group has given them, not before.
            placed: those of them of which it is known where to go on; a partition's state is loaded by then.
            now_s: seconds of the clock that the other methods are told.

        >>> reading = Reading()
        >>> reading.joined(1.0)
        >>> reading.waits_for(lambda: [TP("samples", 3)], [], 1.5)
        ['samples:3']
        """
        if not self._joined:
            return [PARTITIONS]
        unplaced = sorted(f"{tp.topic}:{tp.partition}" for tp in assigned() if tp not in placed)
        if unplaced or not placed:  # without partitions there is nothing to wait for: others have all of them
            return unplaced
        if now_s - self._heard_s > SILENT_AFTER_S:
            return [BROKER]
        return [] if self._fetching else [FIRST_FETCH]
