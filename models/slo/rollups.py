"""Windows as sums of what is stored by minute, hour and day: each range of each rollup is read once for all windows.

A window that ends now begins with the minutes up to the next full hour, goes on with hours up to the next day, whole
days, the hours of today, and the minutes of this hour. 30 days are 29 days, 47 hours and 119 minutes at most instead
of 43,200 minutes, however long counting has gone on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.timestamps import DAY_S, HOUR_S


class Rollup(StrEnum):
    """How finely counts are stored."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class RollupRange(NamedTuple):
    """Rows of one rollup that begin in `[from_s, to_s)`, epoch seconds."""

    rollup: Rollup
    from_s: int
    to_s: int


class ReadPlan(NamedTuple):
    """What to read for some windows.

    Attributes:
        ranges: disjoint within their rollup, in order.
        members: bool `(n_windows, n_ranges)`, which ranges make up which window.
    """

    ranges: list[RollupRange]
    members: NDArray[np.bool_]


def read_plan(starts_s: Sequence[int], end_s: int) -> ReadPlan:
    """Ranges that make up the windows `[start, end_s)`, each of them read once.

    >>> read_plan([0, 7200], 3 * 86400 + 60).ranges[-1]
    RollupRange(rollup=<Rollup.DAY: 'day'>, from_s=86400, to_s=259200)
    """
    parts = [list(_parts(start_s, end_s)) for start_s in starts_s]
    ranges: list[RollupRange] = []
    for rollup in Rollup:
        of_rollup = [part for window in parts for part in window if part.rollup is rollup]
        edges = sorted({edge for part in of_rollup for edge in (part.from_s, part.to_s)})
        ranges += [
            RollupRange(rollup, first, after)
            for first, after in pairwise(edges)
            if any(part.from_s <= first and after <= part.to_s for part in of_rollup)
        ]
    members = [
        [any(p.rollup is s.rollup and p.from_s <= s.from_s and s.to_s <= p.to_s for p in window) for s in ranges]
        for window in parts
    ]
    return ReadPlan(ranges, np.array(members, np.bool_).reshape(len(parts), len(ranges)))


def _parts(start_s: int, end_s: int) -> Iterator[RollupRange]:
    """One window as the coarsest rows that fit into it."""
    this_hour, today = end_s // HOUR_S * HOUR_S, end_s // DAY_S * DAY_S
    hour, day = -(-start_s // HOUR_S) * HOUR_S, -(-start_s // DAY_S) * DAY_S
    if hour >= this_hour:  # the window holds no whole hour, or ends with its first
        found = [RollupRange(Rollup.MINUTE, start_s, end_s)]
    elif day >= today:
        found = [
            RollupRange(Rollup.MINUTE, start_s, hour),
            RollupRange(Rollup.HOUR, hour, this_hour),
            RollupRange(Rollup.MINUTE, this_hour, end_s),
        ]
    else:
        found = [
            RollupRange(Rollup.MINUTE, start_s, hour),
            RollupRange(Rollup.HOUR, hour, day),
            RollupRange(Rollup.DAY, day, today),
            RollupRange(Rollup.HOUR, today, this_hour),
            RollupRange(Rollup.MINUTE, this_hour, end_s),
        ]
    return (part for part in found if part.from_s < part.to_s)
