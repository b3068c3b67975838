"""Changes of distribution that last: River's ADWIN per series and per entity score, confirmed by persistence and size.

Source: Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007. ADWIN says that a mean
has changed by any amount; on real metrics, which are correlated in time, it says so constantly. A change counts as
drift when, some rows after it was detected, the mean of the window is still far from all that it has been.
"""

from __future__ import annotations

import io
import math
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import TidewatchError

DETECTOR = "ADWIN"

CLOCK = 32
"""Values between two looks of ADWIN at its window, River's default."""


def _adaptive_windowing() -> Any:
    """River's ADWIN itself, without the package around it: that imports data sets, pandas and scikit-learn (6 s, 150
    MB)."""
    try:
        from river._river_rust.drift import AdaptiveWindowing
    except ImportError:  # before 0.26 it lived elsewhere; this name has always been there
        from river.drift.adwin import AdaptiveWindowing  # type: ignore[attr-defined]
    return AdaptiveWindowing


class _OnlyRiver(pickle.Unpickler):
    """Rebuilds River's detectors and refuses everything else, whatever a snapshot says."""

    def find_class(self, module: str, name: str) -> Any:
        """The one class that may be named."""
        allowed = _adaptive_windowing()
        if (module, name) != (allowed.__module__, allowed.__name__):
            raise pickle.UnpicklingError(f"a snapshot must not name {module}.{name}")
        return allowed


class StateUnusable(TidewatchError):
    """A snapshot that is damaged, of another format or made for another configuration: start without it."""


@dataclass(slots=True)
class Confirmed:
    """Drift found at position `index` of the update: how far the mean has moved beyond what was seen, and rows
    since."""

    index: int
    moved: float
    window_rows: int


@dataclass(slots=True)
class _Watched:
    """One detector: ADWIN, values fed, values until a detected change is judged (0: none), lowest and highest mean
    seen."""

    window: Any
    fed: int = 0
    pending: int = 0
    low: float = 0.0
    high: float = 0.0

    def mean(self) -> float:
        width = self.window.get_width()
        return float(self.window.get_total() / width) if width else 0.5 * (self.low + self.high)

    def spread(self) -> float:
        """Deviation within the window, 1 at least: the unit of the values is a deviation of calm times."""
        width = max(self.window.get_width(), 1.0)
        # what River calls variance here is the sum of squares
        return max(math.sqrt(max(self.window.get_variance() / width, 0.0)), 1.0)


class DriftBank:
    """Detectors by number, fed in columns. A detector is made when its number is first fed.

    The means of ADWIN's window span a range as time goes by; a new mean outside of it by `min_effect` deviations that
    has lasted `confirm_rows` values is drift, and widens the range: what a series has been before is no drift.

    Args:
        delta: ADWIN's confidence parameter.
        confirm_rows: values after the detection before the change is judged.
        min_effect: deviations.
    """

    def __init__(self, delta: float, confirm_rows: int, min_effect: float) -> None:
        self._make = _adaptive_windowing()
        self._delta = delta
        self._confirm_rows = confirm_rows
        self._min_effect = min_effect
        self._watched: dict[int, _Watched] = {}

    def update(self, numbers: NDArray[np.int32], values: NDArray[np.float64]) -> list[Confirmed]:
        """Feed value i to detector `numbers[i]` in order; NaN is skipped."""
        confirmed = []
        for index, (number, value) in enumerate(zip(numbers.tolist(), values.tolist(), strict=True)):
            if value != value:  # noqa: PLR0124 - NaN, without a call per value
                continue
            watched = self._watched.get(number)
            if watched is None:
                watched = self._watched[number] = _Watched(self._new())
            watched.fed += 1
            if watched.window.update(value):
                # River's ADWIN starts afresh after a detection, so that its window holds the new regime only
                watched.window = self._new()
                watched.pending = self._confirm_rows
            elif watched.pending:
                watched.pending -= 1
                if watched.pending == 0:
                    confirmed += self._judge(watched, index)
            elif watched.fed % CLOCK == 0:
                mean = watched.mean()
                watched.low, watched.high = min(watched.low, mean), max(watched.high, mean)
        return confirmed

    def _judge(self, watched: _Watched, index: int) -> list[Confirmed]:
        mean = watched.mean()
        moved = mean - watched.high if mean > watched.high else min(mean - watched.low, 0.0)
        watched.low, watched.high = min(watched.low, mean), max(watched.high, mean)
        if abs(moved) < self._min_effect * watched.spread():
            return []
        return [Confirmed(index, moved, int(watched.window.get_width()))]

    def _new(self) -> Any:
        # buckets, shortest window and grace period as River's ADWIN has them by default
        return self._make(delta=self._delta, clock=CLOCK, max_buckets=5, min_window_length=5, grace_period=10)

    def to_bytes(self) -> bytes:
        """The detectors as they are."""
        return pickle.dumps(
            [(n, w.window, w.fed, w.pending, w.low, w.high) for n, w in sorted(self._watched.items())], protocol=5
        )

    def load(self, body: bytes) -> None:
        """Go on from `to_bytes`; raises `StateUnusable` for anything else."""
        try:
            self._watched = {number: _Watched(*rest) for number, *rest in _OnlyRiver(io.BytesIO(body)).load()}
        except (
            pickle.UnpicklingError,
            EOFError,
            AttributeError,
            ImportError,
            IndexError,
            TypeError,
            ValueError,
        ) as error:
            raise StateUnusable(f"drift detectors cannot be read: {error}") from error
