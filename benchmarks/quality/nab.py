"""The Numenta Anomaly Benchmark's score of a corpus: one threshold for all files, early detections worth more.

Source: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015, sections II and III, and the
benchmark's published result files, whose published scores it gives (`python -m benchmarks.quality.nab_published`).

A detection is a row at or above the threshold. Of a window only its first detection counts, the earlier the more; every
detection outside costs, less where a window has just ended. The first rows of a file are probation and not judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROBATION_SHARE, PROBATION_ROWS = 0.15, 5000
"""Probation is this share of a file, and of so many rows where it has more."""

FARTHEST = 3.0
"""Widths behind a window from which on a false detection costs all of its weight."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a found window is worth, and what a false detection and a missed window cost."""

    name: str
    hit: float
    false_detection: float
    miss: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("low_fp", 1.0, 0.22, 1.0)
LOW_FN = Profile("low_fn", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """What a detection is worth at each row of one file.

    Attributes:
        worth: float64 `(n,)`, 0 to 1 inside a window, -1 to 0 outside, before the profile's weights.
        window: int64 `(n,)`, number of the row's window, -1 outside.
        judged: bool `(n,)`, False in probation.
        windows: labelled windows of the file.
    """

    worth: NDArray[np.float64]
    window: NDArray[np.int64]
    judged: NDArray[np.bool_]
    windows: int


def probation_rows(rows: int) -> int:
    """Rows at the beginning of a file that are not judged.

    >>> probation_rows(1000), probation_rows(20_000)
    (150, 750)
    """
    return math.ceil(min(math.floor(PROBATION_SHARE * rows), PROBATION_SHARE * PROBATION_ROWS))


def _sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 far before the right edge of a window (position in widths), 0 at it, -1 far behind."""
    return np.asarray(np.where(position > FARTHEST, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, 10.0))) - 1.0))


def judge(time_ns: NDArray[np.int64], windows: Sequence[tuple[int, int]]) -> JudgedFile:
    """The worth of a file's rows.

    Args:
        time_ns: int64 `(n,)`, in the file's order.
        windows: first and last event time of each labelled window, in order of time; both are rows of the file.
    """
    rows = len(time_ns)
    worth, window = np.full(rows, -1.0), np.full(rows, -1, np.int64)
    full = float(_sigmoid(np.array(-1.0)))
    bounds = [(int(np.flatnonzero(time_ns == a)[0]), int(np.flatnonzero(time_ns == b)[0])) for a, b in windows]
    for number, (first, last) in enumerate(bounds):
        width = last - first + 1
        inside = np.arange(first, last + 1)
        worth[inside] = _sigmoid(-(last - inside + 1) / width) / full
        window[inside] = number
        until = bounds[number + 1][0] if number + 1 < len(bounds) else rows
        behind = np.arange(last + 1, until)
        worth[behind] = _sigmoid((behind - last) / max(width - 1, 1e-9))
    return JudgedFile(worth, window, np.arange(rows) >= probation_rows(rows), len(bounds))


@dataclass(frozen=True, slots=True)
class Curve:
    """Normalised score of a corpus at every threshold that makes a difference, from none detected to all.

    Attributes:
        threshold: float64 `(m,)`, falling; the first is infinite. score: float64 `(m,)`, 100 = perfect, 0 = silence.
    """

    threshold: NDArray[np.float64]
    score: NDArray[np.float64]

    def best(self) -> tuple[float, float]:
        """Threshold and score of the best point; the highest threshold among equals."""
        at = int(np.argmax(self.score))
        return float(self.threshold[at]), float(self.score[at])

    def at(self, threshold: float) -> float:
        """Score when rows at or above `threshold` are detections."""
        return float(self.score[np.searchsorted(-self.threshold, -threshold, side="right") - 1])


def curve(files: Sequence[JudgedFile], scores: Sequence[NDArray[np.float64]], profile: Profile) -> Curve:
    """The corpus' score by threshold.

    Args:
        files: what rows are worth. scores: anomaly scores `(n,)` of each file, in the same order, larger = odder.
        profile: the weights.
    """
    first_window = np.cumsum([0] + [file.windows for file in files])
    worth = np.concatenate([file.worth[file.judged] for file in files])
    score = np.concatenate([s[file.judged] for file, s in zip(files, scores, strict=True)])
    window = np.concatenate(
        [
            np.where(file.window >= 0, file.window + first, -1)[file.judged]
            for file, first in zip(files, first_window, strict=False)
        ]
    )
    order = np.argsort(-score, kind="stable")
    score, worth, window = score[order], worth[order], window[order]
    gain = np.where(window < 0, worth * profile.false_detection, 0.0)
    for number in np.unique(window[window >= 0]):
        mine = np.flatnonzero(window == number)
        reached = np.maximum.accumulate(np.concatenate(([-profile.miss], worth[mine] * profile.hit)))
        gain[mine] = np.diff(reached)
    # silence scores 0: what it is worth, a miss for every window, is what gains are counted from
    total = int(first_window[-1])
    perfect = total * (profile.hit + profile.miss)
    last_of_tie = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    return Curve(
        np.concatenate(([np.inf], score[last_of_tie])),
        np.concatenate(([0.0], 100.0 * np.cumsum(gain)[last_of_tie] / perfect)),
    )


def gained(file: JudgedFile, detected: NDArray[np.bool_], profile: Profile) -> float:
    """What one file's detections, bool `(n,)`, add to a corpus' score, above silence, before normalisation."""
    detected = file.judged & detected
    total = float(np.sum(file.worth[detected & (file.window < 0)]) * profile.false_detection)
    for number in range(file.windows):
        inside = detected & (file.window == number)
        if inside.any():
            total += float(file.worth[inside].max()) * profile.hit + profile.miss
    return total


def normalised(gains: float, windows: int, profile: Profile) -> float:
    """100 for every window found at its first row and nothing else, 0 for silence."""
    return 100.0 * gains / (windows * (profile.hit + profile.miss))
