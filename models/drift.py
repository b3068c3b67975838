"""Changes of distribution that last: River's ADWIN per series and per entity score, confirmed by persistence and size.

Source: Bifet and Gavalda, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007. ADWIN says that a mean has
changed by any amount; on real metrics, which are correlated in time, it says so constantly. A change counts as drift when,
some rows after it was detected, the mean of the window is still far from where the reference is.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import TidewatchError

DETECTOR = "ADWIN"


def _adaptive_windowing() -> Any:
    """River's ADWIN itself, without the package around it: that imports data sets, pandas and scikit-learn (6 s, 150 MB)."""
    try:
        from river._river_rust.drift import AdaptiveWindowing
    except ImportError:  # before 0.26 it lived elsewhere; this name has always been there
        from river.drift.adwin import AdaptiveWindowing  # type: ignore[attr-defined, no-redef]
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
    """Drift found at position `index` of the update: how far the mean has moved, and rows in the window since."""

    index: int
    moved: float
    window_rows: int


class DriftBank:
    """Detectors by number, fed in columns. A detector is made when its number is first fed.

    Args:
        delta: ADWIN's confidence parameter.
        confirm_rows: values after the detection before the change is judged.
        min_effect: smallest distance of the window's mean from the reference (0 at first) that is drift.
    """

    def __init__(self, delta: float, confirm_rows: int, min_effect: float) -> None:
        self._make = _adaptive_windowing()
        self._delta = delta
        self._confirm_rows = confirm_rows
        self._min_effect = min_effect
        self._detectors: dict[int, Any] = {}
        self._pending: dict[int, int] = {}
        self._reference: dict[int, float] = {}

    def update(self, numbers: NDArray[np.int32], values: NDArray[np.float64]) -> list[Confirmed]:
        """Feed value i to detector `numbers[i]` in order; NaN is skipped. A confirmed drift is the detector's new reference."""
        detectors, pending, confirmed = self._detectors, self._pending, []
        for index, (number, value) in enumerate(zip(numbers.tolist(), values.tolist(), strict=True)):
            if value != value:  # noqa: PLR0124 - NaN, without a call per value
                continue
            detector = detectors.get(number)
            if detector is None:
                detector = detectors[number] = self._new()
            if detector.update(value):
                # River's ADWIN starts afresh after a detection, so that its window holds the new regime only
                detectors[number] = self._new()
                pending.setdefault(number, self._confirm_rows)
            elif number in pending:
                pending[number] -= 1
                if pending[number] <= 0 and detector.get_width() > 0:
                    del pending[number]
                    mean = float(detector.get_total() / detector.get_width())
                    moved = mean - self._reference.get(number, 0.0)
                    if abs(moved) >= self._min_effect:
                        confirmed.append(Confirmed(index, moved, int(detector.get_width())))
                        self._reference[number] = mean
        return confirmed

    def _new(self) -> Any:
        # clock, buckets, shortest window and grace period as River's ADWIN has them by default
        return self._make(delta=self._delta, clock=32, max_buckets=5, min_window_length=5, grace_period=10)

    def to_bytes(self) -> bytes:
        """The detectors as they are."""
        return pickle.dumps((self._detectors, self._pending, self._reference), protocol=5)

    def load(self, body: bytes) -> None:
        """Go on from `to_bytes`; raises `StateUnusable` for anything else."""
        try:
            self._detectors, self._pending, self._reference = _OnlyRiver(io.BytesIO(body)).load()
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError) as error:
            raise StateUnusable(f"drift detectors cannot be read: {error}") from error
