"""Columns of byte strings: one buffer, where each string begins and how long it is, as compiled loops take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled


class ByteColumn(NamedTuple):
    """Byte strings that lie somewhere in one buffer.

    Attributes:
        data: uint8 `(n_bytes,)`.
        start: int64 `(n,)`, index of each text's first byte.
        length: int64 `(n,)`, bytes of each; -1 where there is none.
    """

    data: NDArray[np.uint8]
    start: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> ByteColumn:
        """The strings laid one after the other.

        >>> column = ByteColumn.of([b"ab", None, b"c"])
        >>> column.at(0), column.at(1), column.at(2)
        (b'ab', None, b'c')
        """
        length = np.array([-1 if value is None else len(value) for value in values], np.int64)
        end = np.cumsum(np.maximum(length, 0))
        data = np.frombuffer(b"".join(value for value in values if value), np.uint8)
        return cls(data, end - np.maximum(length, 0), length)

    def chosen(self, which: NDArray[np.int64] | slice) -> ByteColumn:
        """Some of them, over the same buffer."""
        return ByteColumn(self.data, self.start[which], self.length[which])

    def at(self, index: int) -> bytes | None:
        """One of them."""
        start, length = int(self.start[index]), int(self.length[index])
        return None if length < 0 else self.data[start : start + length].tobytes()


def parts(sizes: NDArray[np.int64], max_bytes: int, max_items: int) -> Iterator[slice]:
    """Consecutive parts of items within both limits; one item that is larger goes alone.

    Args:
        sizes: `(n,)`, bytes of each.

    >>> list(parts(np.array([3, 3, 9, 1, 1, 1]), 6, 2))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 5, None), slice(5, 6, None)]
    """
    end_bytes, start, before = np.cumsum(sizes), 0, 0
    while start < len(sizes):
        within = int(np.searchsorted(end_bytes, before + max_bytes, side="right"))
        end = min(max(within, start + 1), start + max_items, len(sizes))
        yield slice(start, end)
        start, before = end, int(end_bytes[end - 1])


@compiled
def copy(source: NDArray[np.uint8], start: int, target: NDArray[np.uint8], at: int, length: int) -> int:
    """Copy bytes from one buffer to another; the position after them there."""
    # of slices, as an index that might be negative would keep the loop from taking many bytes at a time
    read, write = source[start : start + length], target[at : at + length]
    for k in range(length):
        write[k] = read[k]
    return int(at + length)
