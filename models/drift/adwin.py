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
from typing import NamedTuple

import numpy as np

from models.compiled import compiled, compiled_to_make_arrays
from models.state.tables import Table

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

WINDOW = np.dtype(
    [
        ("total", "f8"),
        ("squares", "f8"),
        ("single", "f8", (BUCKETS,)),
        ("width", "i4"),
        ("singles", "i4"),
        ("older", "i4"),
        # what `drift` makes of it: values until a change is judged, 0 none; values fed; lowest and highest mean so far
        ("pending", "i4"),
        ("fed", "i8"),
        ("low", "f8"),
        ("high", "f8"),
    ],
    align=True,
)
"""One stream's window: its sum, the squares of its deviations, its values that are no pairs yet, oldest first; `older`
is the number of its row in the levels plus one, 0 none."""

LEVEL = np.dtype([("total", "f8", (BUCKETS,)), ("squares", "f8", (BUCKETS,)), ("n", "i4"), ("older", "i4")], align=True)
"""A window's buckets of one size, oldest first; `older` leads to those of twice the size, or to the next free row."""


class Windows(NamedTuple):
    """Windows by stream, the levels they have taken, and `(n_taken, first_free)` of those, int64 `(2,)`; numbers of
    levels count from one, 0 is none. All zeros are empty windows."""

    windows: Table
    levels: Table
    taken: Table


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
    one = bank.windows[number]
    one.width += 1
    if one.width > 1:
        off = value - one.total / (one.width - 1.0)
        one.squares += (one.width - 1.0) * off * off / one.width
    one.total += value
    _add_single(bank, number, value)
    if one.width % CLOCK or one.width <= GRACE or not _has_changed(bank, number, delta):
        return False
    _clear(bank, number)
    return True


@compiled
def _add_single(bank: Windows, number: int, value: float) -> None:
    one = bank.windows[number]
    if one.singles == BUCKETS:
        first, second = one.single[0], one.single[1]
        for k in range(2, BUCKETS):
            one.single[k - 2] = one.single[k]
        one.singles = BUCKETS - 2
        if one.older == 0:
            one.older = _take(bank)
        _add_bucket(bank, one.older, first + second, 0.5 * (first - second) * (first - second))
    one.single[one.singles] = value
    one.singles += 1


@compiled
def _add_bucket(bank: Windows, level: int, total: float, squares: float) -> None:
    """Put a bucket into a level; the two oldest of a full one go to the next as one."""
    size = 2.0
    while True:
        here = bank.levels[level - 1]
        if here.n < BUCKETS:
            break
        off = here.total[0] / size - here.total[1] / size
        merged = here.total[0] + here.total[1]
        merged_squares = here.squares[0] + here.squares[1] + size * size * off * off / (2.0 * size)
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
    row = bank.levels[level - 1]
    bank.taken[1] = row.older
    row.n = row.older = 0
    return int(level)


@compiled
def _clear(bank: Windows, number: int) -> None:
    """Empty a window and give its levels back."""
    one = bank.windows[number]
    level = one.older
    while level > 0:
        row = bank.levels[level - 1]
        older, row.older = row.older, bank.taken[1]
        bank.taken[1] = level
        level = older
    one.total = one.squares = 0.0
    one.width = one.singles = one.older = 0


@compiled_to_make_arrays
def _has_changed(bank: Windows, number: int, delta: float) -> bool:
    """Whether the means beside some cut between buckets are too far apart, from the oldest cut to the newest."""
    one = bank.windows[number]
    path, depth = np.empty(MAX_LEVELS, np.int32), 0
    level = one.older
    while level > 0 and depth < MAX_LEVELS:
        path[depth] = level
        depth, level = depth + 1, bank.levels[level - 1].older
    old_n, old_total, new_total = 0.0, 0.0, one.total
    size = 2.0**depth
    for k in range(depth - 1, -1, -1):
        here = bank.levels[path[k] - 1]
        for bucket in range(here.n):
            old_n += size
            old_total, new_total = old_total + here.total[bucket], new_total - here.total[bucket]
            if _differ(one, old_n, old_total, new_total, delta):
                return True
        size *= 0.5
    for bucket in range(one.singles):
        old_n += 1.0
        old_total, new_total = old_total + one.single[bucket], new_total - one.single[bucket]
        if _differ(one, old_n, old_total, new_total, delta):
            return True
    return False


@compiled
def _differ(one: Table, old_n: float, old_total: float, new_total: float, delta: float) -> bool:
    """Equation 3.1 of the paper for one cut, with the variance of the whole window."""
    new_n = one.width - old_n
    if old_n < SHORTEST or new_n < SHORTEST:
        return False
    bound = math.log(2.0 * math.log(one.width) / delta)
    harmonic = 1.0 / (old_n - SHORTEST + 1.0) + 1.0 / (new_n - SHORTEST + 1.0)
    least = math.sqrt(2.0 * harmonic * (one.squares / one.width) * bound) + 2.0 / 3.0 * bound * harmonic
    return bool(abs(old_total / old_n - new_total / new_n) > least)
