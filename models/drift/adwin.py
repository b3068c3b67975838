"""Adaptive windows (ADWIN) over many streams, as two tables: a row per stream, and rows that streams take as their
windows grow. Compiled loops; what they find is what River's ADWIN finds, value by value (`tests/contract/test_adwin.py`
holds one against the other), without an object per stream.

Source: Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007. A window is kept as
buckets of 1, 2, 4, ... values, five of each size at most; now and then every cut between two buckets is looked at, and
where the means on its two sides differ by more than chance allows, the distribution has changed. As in River, the
window begins anew with the value after that, so buckets never go one by one.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, compiled_to_make_arrays
from models.state.fields import F8, I4, I8, Field, Floats, Layout, Table

BUCKETS = 5
"""Of each size; with a sixth, the two oldest become one of the next size. River's default, as all that follow."""

CLOCK = 32
"""Values between two looks at the cuts."""

SHORTEST = 5
"""Values on either side of a cut."""

GRACE = 10
"""A window no longer than this has no cuts."""

MAX_LEVELS = 48
"""Sizes of buckets: more values than a counter of 32 bits holds."""


class WindowRow(Protocol):
    """One stream's window: its sum, the squares of its deviations, its values that are no pairs yet, oldest first, and
    how many; `older` is the number of its row in the levels plus one, 0 none."""

    total: F8
    squares: F8
    single: Annotated[Floats, Field("f8", (BUCKETS,))]
    width: I4
    singles: I4
    older: I4


class DriftWatch(Protocol):
    """What `models.drift.bank` makes of a window: values until a change is judged, 0 none; values fed; lowest and
    highest mean so far."""

    pending: I4
    fed: I8
    low: F8
    high: F8


class LevelRow(Protocol):
    """A window's buckets of one size, oldest first, and how many; `older` leads to those of twice the size, or to the
    next free row."""

    total: Annotated[Floats, Field("f8", (BUCKETS,))]
    squares: Annotated[Floats, Field("f8", (BUCKETS,))]
    n: I4
    older: I4


WINDOW = Layout.of(WindowRow, DriftWatch).dtype
LEVEL = Layout.of(LevelRow).dtype


class Windows(NamedTuple):
    """Windows by stream, the levels they have taken, and `(n_taken, first_free)` of those, int64 `(2,)`; numbers of
    levels count from one, 0 is none. All zeros are empty windows."""

    windows: Table
    levels: Table
    taken: NDArray[np.int64]


@compiled
def has_room(bank: Windows) -> bool:
    """Whether one more value can be taken in, whatever window it goes to: a value needs one more level at most."""
    return bool(bank.taken[0] < bank.levels.shape[0] or bank.taken[1] > 0)


@compiled
def update(bank: Windows, number: int, value: float, delta: float) -> bool:
    """Take a value in; True where the distribution has changed with it: the window is empty then.

    Args:
        delta: probability of seeing a change where there is none, by ADWIN's bound.
    """
    window: WindowRow = bank.windows[number]
    window.width += 1
    if window.width > 1:
        deviation = value - window.total / (window.width - 1.0)
        window.squares += (window.width - 1.0) * deviation * deviation / window.width
    window.total += value
    _add_single(bank, number, value)
    if window.width % CLOCK or window.width <= GRACE or not _has_changed(bank, number, delta):
        return False
    _clear(bank, number)
    return True


@compiled
def _add_single(bank: Windows, number: int, value: float) -> None:
    window: WindowRow = bank.windows[number]
    if window.singles == BUCKETS:
        first, second = window.single[0], window.single[1]
        for k in range(2, BUCKETS):
            window.single[k - 2] = window.single[k]
        window.singles = BUCKETS - 2
        if window.older == 0:
            window.older = _take(bank)
        _add_bucket(bank, window.older, first + second, 0.5 * (first - second) * (first - second))
    window.single[window.singles] = value
    window.singles += 1


@compiled
def _add_bucket(bank: Windows, level: int, total: float, squares: float) -> None:
    """Put a bucket into a level; the two oldest of a full one go to the next as one."""
    size = 2.0
    while True:
        here: LevelRow = bank.levels[level - 1]
        if here.n < BUCKETS:
            break
        deviation = here.total[0] / size - here.total[1] / size
        merged = here.total[0] + here.total[1]
        merged_squares = here.squares[0] + here.squares[1] + size * size * deviation * deviation / (2.0 * size)
        for k in range(2, BUCKETS):
            here.total[k - 2], here.squares[k - 2] = here.total[k], here.squares[k]
        here.total[BUCKETS - 2], here.squares[BUCKETS - 2] = total, squares
        here.n = BUCKETS - 1
        total, squares = merged, merged_squares
        if here.older == 0:
            here.older = _take(bank)
        level, size = here.older, 2.0 * size
    here.total[here.n], here.squares[here.n] = total, squares
    here.n += 1


@compiled
def _take(bank: Windows) -> int:
    """Number of an empty level: one that was given back, or the next."""
    level = bank.taken[1]
    if level == 0:
        bank.taken[0] += 1
        return int(bank.taken[0])
    row: LevelRow = bank.levels[level - 1]
    bank.taken[1] = row.older
    row.n = row.older = 0
    return int(level)


@compiled
def _clear(bank: Windows, number: int) -> None:
    """Empty a window and give its levels back."""
    window: WindowRow = bank.windows[number]
    level = window.older
    while level > 0:
        row: LevelRow = bank.levels[level - 1]
        older, row.older = row.older, bank.taken[1]
        bank.taken[1] = level
        level = older
    window.total = window.squares = 0.0
    window.width = window.singles = window.older = 0


@compiled_to_make_arrays
def _has_changed(bank: Windows, number: int, delta: float) -> bool:
    """Whether the means beside some cut between buckets are too far apart, from the oldest cut to the newest."""
    window: WindowRow = bank.windows[number]
    path, depth = np.empty(MAX_LEVELS, np.int32), 0
    level = window.older
    while level > 0 and depth < MAX_LEVELS:
        path[depth] = level
        depth, level = depth + 1, bank.levels[level - 1].older
    old_n, old_total, new_total = 0.0, 0.0, window.total
    size = 2.0**depth
    for k in range(depth - 1, -1, -1):
        here: LevelRow = bank.levels[path[k] - 1]
        for bucket in range(here.n):
            old_n += size
            old_total, new_total = old_total + here.total[bucket], new_total - here.total[bucket]
            if _differ(window, old_n, old_total, new_total, delta):
                return True
        size *= 0.5
    for bucket in range(window.singles):
        old_n += 1.0
        old_total, new_total = old_total + window.single[bucket], new_total - window.single[bucket]
        if _differ(window, old_n, old_total, new_total, delta):
            return True
    return False


@compiled
def _differ(window: WindowRow, old_n: float, old_total: float, new_total: float, delta: float) -> bool:
    """Equation 3.1 of the paper for one cut, with the variance of the whole window."""
    new_n = window.width - old_n
    if old_n < SHORTEST or new_n < SHORTEST:
        return False
    bound = math.log(2.0 * math.log(window.width) / delta)
    harmonic = 1.0 / (old_n - SHORTEST + 1.0) + 1.0 / (new_n - SHORTEST + 1.0)
    least = math.sqrt(2.0 * harmonic * (window.squares / window.width) * bound) + 2.0 / 3.0 * bound * harmonic
    return bool(abs(old_total / old_n - new_total / new_n) > least)
