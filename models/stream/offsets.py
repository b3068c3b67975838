"""Which offsets of one partition were handed out, and up to where they were acknowledged. Pure bookkeeping."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class OffsetRange:
    """The offsets of one batch, first to last inclusive."""

    first: int
    last: int
    acknowledged: bool = False


class PartitionLedger:
    """Order in which spans of one partition were handed out, and the offset that may be committed.

    Offsets between two spans were never seen (compaction, transaction markers); they need no acknowledgement, because
    what may be committed follows from the spans in order and not from counting offsets.

    Args:
        position: first offset that should be handed out next.

    >>> ledger = PartitionLedger(10)
    >>> early, late = ledger.hand_out(10, 19), ledger.hand_out(20, 29)
    >>> ledger.acknowledge(late); ledger.committable
    10
    >>> ledger.acknowledge(early); ledger.committable
    30
    """

    def __init__(self, position: int) -> None:
        self.position = position
        self.committable = position
        self._outstanding: deque[OffsetRange] = deque()

    def hand_out(self, first: int, last: int) -> OffsetRange:
        """Remember a span that is now somebody's work; spans come in rising order."""
        if not self.position <= first <= last:
            raise ValueError(f"offsets {first}..{last} do not follow position {self.position}")
        span = OffsetRange(first, last)
        self._outstanding.append(span)
        self.position = last + 1
        return span

    def acknowledge(self, span: OffsetRange) -> None:
        """Mark a span as done; `committable` moves over the acknowledged spans at the front, and stops at the first
        other."""
        span.acknowledged = True
        while self._outstanding and self._outstanding[0].acknowledged:
            self.committable = self._outstanding.popleft().last + 1
