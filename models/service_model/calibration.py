"""What a raw score means: its surprise among the scores of normal rows that the detector has not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.service_model.scaling import quantiles

MIN_TAIL = 10
"""Held-back rows beyond the last knot of a calibration: fewer make the mean excess of the tail a matter of luck."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How surprising a raw outlier score is among normal rows: `-ln P(score of a normal row >= raw)`.

    Piecewise linear between the knots, exponential tail of the probability (so linear in surprise) beyond the last.

    Attributes:
        score: float64 `(n_knots,)`, strictly increasing raw outlier scores.
        surprise: float64 `(n_knots,)`, nats, starting at 0.
        tail: mean excess of raw scores beyond the last knot; positive.
    """

    score: NDArray[np.float64]
    surprise: NDArray[np.float64]
    tail: float

    @classmethod
    def fit(cls, raw: NDArray[np.float64]) -> Calibration:
        """Calibration on the raw scores `(n_rows,)` of held-back normal rows.

        Raises:
            ValueError: fewer than 20 finite scores, which say nothing about a tail.

        >>> c = Calibration.fit(np.linspace(.3, .5, 1000))
        >>> bool(abs(c.surprise_of(np.array([.48]))[0] - 2.3) < .01)
        True
        """
        finite = np.sort(raw[np.isfinite(raw)])
        n = len(finite)
        if n < 2 * MIN_TAIL:
            raise ValueError(f"a calibration needs at least {2 * MIN_TAIL} scores, got {n}")
        last = math.log(n / MIN_TAIL)
        surprise = np.linspace(0.0, last, 32)
        score = np.array(quantiles(finite, (1.0 - np.exp(-surprise)).tolist()))
        keep = np.concatenate(([True], np.diff(score) > 0))
        score, surprise = score[keep], surprise[keep]
        beyond = finite[finite > score[-1]] - score[-1]
        # a tenth of the spread at least: identical scores must not make the next different one infinitely surprising
        floor = max(0.1 * float(finite[-1] - finite[0]), 1e-6)
        return cls(score, surprise, max(float(beyond.mean()) if len(beyond) else 0.0, floor / last))

    def surprise_of(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Nats `(n_rows,)` for raw scores `(n_rows,)`."""
        inside = np.interp(raw, self.score, self.surprise)
        return np.asarray(inside + np.maximum(raw - self.score[-1], 0.0) / self.tail, dtype=np.float64)

    @property
    def sound(self) -> bool:
        """Whether the knots belong together and the tail can be divided by."""
        return len(self.score) == len(self.surprise) > 0 and self.tail > 0
