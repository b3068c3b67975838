"""Windows as sums of what is stored by minute, hour and day: each stretch of each level is read once for all windows.

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

from models.slo.windows import DAY_S, HOUR_S


class Level(StrEnum):
    """How finely counts are stored."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Stretch(NamedTuple):
    """Rows of one level that begin in `[from_s, to_s)`, epoch seconds."""

    level: Level
    from_s: int
    to_s: int


class Plan(NamedTuple):
    """What to read for some windows.

    Attributes:
        stretches: disjoint within their level, in order.
        members: bool `(n_windows, n_stretches)`, which stretches make up which window.
    """

    stretches: list[Stretch]
    members: NDArray[np.bool_]


def plan(starts_s: Sequence[int], end_s: int) -> Plan:
    """Stretches that make up the windows `[start, end_s)`, each of them read once.

    >>> plan([0, 7200], 3 * 86400 + 60).stretches[-1]
    Stretch(level=<Level.DAY: 'day'>, from_s=86400, to_s=259200)
    """
    parts = [list(_parts(start_s, end_s)) for start_s in starts_s]
    stretches: list[Stretch] = []
    for level in Level:
        mine = [part for window in parts for part in window if part.level is level]
        edges = sorted({edge for part in mine for edge in (part.from_s, part.to_s)})
        stretches += [
            Stretch(level, first, after)
            for first, after in pairwise(edges)
            if any(part.from_s <= first and after <= part.to_s for part in mine)
        ]
    members = [
        [any(p.level is s.level and p.from_s <= s.from_s and s.to_s <= p.to_s for p in window) for s in stretches]
        for window in parts
    ]
    return Plan(stretches, np.array(members, np.bool_).reshape(len(parts), len(stretches)))


def _parts(start_s: int, end_s: int) -> Iterator[Stretch]:
    """One window as the coarsest rows that fit into it."""
    this_hour, today = end_s // HOUR_S * HOUR_S, end_s // DAY_S * DAY_S
    hour, day = -(-start_s // HOUR_S) * HOUR_S, -(-start_s // DAY_S) * DAY_S
    if hour >= this_hour:  # the window holds no whole hour, or ends with its first
        found = [Stretch(Level.MINUTE, start_s, end_s)]
    elif day >= today:
        found = [
            Stretch(Level.MINUTE, start_s, hour),
            Stretch(Level.HOUR, hour, this_hour),
            Stretch(Level.MINUTE, this_hour, end_s),
        ]
    else:
        found = [
            Stretch(Level.MINUTE, start_s, hour),
            Stretch(Level.HOUR, hour, day),
            Stretch(Level.DAY, day, today),
            Stretch(Level.HOUR, today, this_hour),
            Stretch(Level.MINUTE, this_hour, end_s),
        ]
    return (part for part in found if part.from_s < part.to_s)
