"""Changes of distribution that last: ADWIN per series and per entity score, confirmed by persistence and size.

ADWIN (`models/drift/adwin.py`) says that a mean has changed by any amount; on real metrics, which are correlated
in time, it says so constantly. A change counts as drift when, some rows after it was detected, the mean of the window
is still far from all that it has been.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.drift import adwin
from models.errors import TidewatchError
from models.state.fields import Table

DETECTOR = "ADWIN"

_ALL_FED, _NO_ROOM, _CONFIRMED = 0, 1, 2
"""Why the loop over values returned."""

FIRST_ROWS: Final = 64
"""Of either table; each doubles when it is full."""


class StateUnusable(TidewatchError):
    """A snapshot that is damaged, of another format or made for another configuration: start without it."""


@dataclass(slots=True)
class Confirmed:
    """Drift found at position `index` of the update: how far the mean has moved beyond what was seen, and rows
    since."""

    index: int
    moved: float
    window_rows: int


class _Rules(NamedTuple):
    delta: float
    confirm_rows: int
    min_effect: float


class WatchedWindow(adwin.WindowRow, adwin.DriftWatch, Protocol):
    """A window with what becomes of it here."""


class DriftBank:
    """Detectors by number, fed in columns. Numbers count from 0; a detector takes its row when it is first fed.

    The means of ADWIN's window span a range as time goes by; a new mean outside of it by `min_effect` deviations that
    has lasted `confirm_rows` values is drift, and widens the range: what a series has been before is no drift.

    Args:
        delta: ADWIN's confidence parameter.
        confirm_rows: values after the detection before the change is judged.
        min_effect: deviations.
    """

    def __init__(self, delta: float, confirm_rows: int, min_effect: float) -> None:
        self._rules = _Rules(delta, confirm_rows, min_effect)
        self._bank = adwin.Windows(
            np.zeros(FIRST_ROWS, adwin.WINDOW), np.zeros(FIRST_ROWS, adwin.LEVEL), np.zeros(2, np.int64)
        )
        self._known = 0

    def update(self, numbers: NDArray[np.int32], values: NDArray[np.float64]) -> list[Confirmed]:
        """Feed value i to detector `numbers[i]` in order; NaN is skipped."""
        if len(numbers):
            self._known = max(self._known, int(numbers.max()) + 1)
        while len(self._bank.windows) < self._known:
            self._bank = self._bank._replace(windows=_doubled(self._bank.windows))
        confirmed = []
        position, why = 0, _NO_ROOM
        while why != _ALL_FED:
            position, why, moved, window_rows = _feed(self._bank, numbers, values, position, self._rules)
            if why == _NO_ROOM:
                self._bank = self._bank._replace(levels=_doubled(self._bank.levels))
            elif why == _CONFIRMED:
                confirmed.append(Confirmed(position - 1, moved, window_rows))
        return confirmed

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Copies of everything that the detectors remember, by name."""
        windows, levels, taken = self._bank
        return {
            "windows": windows[: self._known].copy(),
            "levels": levels[: int(taken[0])].copy(),
            "taken": taken.copy(),
        }

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `to_arrays`; raises `StateUnusable` for anything else."""
        windows, levels, taken = (arrays[name] for name in ("windows", "levels", "taken"))
        if [windows.dtype, levels.dtype, taken.dtype] != [adwin.WINDOW, adwin.LEVEL, np.dtype(np.int64)]:
            raise StateUnusable("drift detectors have another format")
        # compiled loops do not check their bounds
        links = np.concatenate((windows["older"], levels["older"], taken))
        counts = np.concatenate((windows["singles"], levels["n"]))
        if (
            taken.shape != (2,)
            or taken[0] != len(levels)
            or np.any((links < 0) | (links > len(levels)))
            or np.any((counts < 0) | (counts > adwin.BUCKETS))
        ):
            raise StateUnusable("drift detectors do not fit together")
        self._known = len(windows)
        self._bank = adwin.Windows(_with_room(windows), _with_room(levels), taken.copy())


def _doubled(table: Table) -> Table:
    """The same rows and as many empty ones."""
    larger: Table = np.zeros(2 * len(table), table.dtype)
    larger[: len(table)] = table
    return larger


def _with_room(rows: NDArray[np.void]) -> Table:
    """A table that begins with these rows; its size is that of one that has grown to hold them."""
    size = FIRST_ROWS
    while size < len(rows):
        size *= 2
    table: Table = np.zeros(size, rows.dtype)
    table[: len(rows)] = rows
    return table


@compiled
def _feed(
    bank: adwin.Windows, numbers: NDArray[np.int32], values: NDArray[np.float64], first: int, rules: _Rules
) -> tuple[int, int, float, int]:
    """Feed values from position `first` on, until something is confirmed or there is no room for more.

    Returns:
        position of the next value, why it returned, and of what is confirmed how far it has moved and the window's
        values.
    """
    for position in range(first, numbers.shape[0]):
        value = values[position]
        if math.isnan(value):
            continue
        if not adwin.has_room(bank):
            return position, _NO_ROOM, 0.0, 0
        number = numbers[position]
        window: WatchedWindow = bank.windows[number]
        window.fed += 1
        if adwin.update(bank, number, value, rules.delta):
            window.pending = rules.confirm_rows
        elif window.pending > 0:
            window.pending -= 1
            if window.pending == 0:
                moved = _moved(window)
                if abs(moved) >= rules.min_effect * _spread(window):
                    return position + 1, _CONFIRMED, moved, window.width
        elif window.fed % adwin.CLOCK == 0:
            _widen(window, _mean(window))
    return numbers.shape[0], _ALL_FED, 0.0, 0


@compiled
def _moved(window: WatchedWindow) -> float:
    """How far the window's mean is beyond the means seen so far, which it then belongs to."""
    mean = _mean(window)
    moved = mean - window.high if mean > window.high else min(mean - window.low, 0.0)
    _widen(window, mean)
    return float(moved)


@compiled
def _widen(window: WatchedWindow, mean: float) -> None:
    window.low, window.high = min(window.low, mean), max(window.high, mean)


@compiled
def _mean(window: WatchedWindow) -> float:
    return float(window.total / window.width if window.width > 0 else 0.5 * (window.low + window.high))


@compiled
def _spread(window: WatchedWindow) -> float:
    """Deviation within the window, 1 at least: the unit of the values is a deviation of calm times."""
    return math.sqrt(max(window.squares / max(window.width, 1.0), 1.0))
