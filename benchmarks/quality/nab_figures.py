"""NAB's figures of one detector from its scores on all files.

Two readings of a score. `rows` is NAB's own: every row at or above the threshold is a detection, and outside of a
window each one costs. `alerts` is an alert layer's: the first row of an episode is a detection, and what follows while
the score stays up is the same alert. Both are NAB's scoring of a list of detections; published figures are `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import nab
from benchmarks.quality.alerts import onsets
from benchmarks.quality.corpus import CorpusPart, Stream
from benchmarks.quality.intervals import interval

Floats = NDArray[np.float64]

ALERT_THRESHOLDS = 250
"""Thresholds tried for alerts: as many, evenly spaced by rank, among the highest 0.1, 1 and 10 % of the scores each.
Trying every score, as for rows, would take hours."""


@dataclass(frozen=True, slots=True)
class Files:
    """Files and a detector's scores on them."""

    judged: list[nab.JudgedFile]
    scores: list[Floats]

    def some(self, numbers: Sequence[int]) -> Files:
        return Files([self.judged[i] for i in numbers], [self.scores[i] for i in numbers])


@dataclass(frozen=True, slots=True)
class Reading:
    """What of a score is a detection: `detections(score, threshold)`, and the curve over thresholds."""

    name: str
    detections: Callable[[Floats, float], NDArray[np.bool_]]
    curve: Callable[[Files, nab.Profile], nab.Curve]

    def gains(self, files: Files, threshold: float, profile: nab.Profile) -> Floats:
        """What each file adds at a threshold."""
        pairs = zip(files.judged, files.scores, strict=True)
        return np.array([nab.gained(file, self.detections(s, threshold), profile) for file, s in pairs])

    def at(self, files: Files, threshold: float, profile: nab.Profile) -> float:
        """Score of the corpus at a threshold."""
        windows = sum(file.windows for file in files.judged)
        return nab.normalised(float(self.gains(files, threshold, profile).sum()), windows, profile)


def _alert_curve(files: Files, profile: nab.Profile) -> nab.Curve:
    everything = np.sort(np.concatenate(files.scores))[::-1]
    ranks = [np.linspace(0, len(everything) * share, ALERT_THRESHOLDS).astype(int) for share in (0.001, 0.01, 0.1)]
    thresholds = np.unique(everything[np.minimum(np.concatenate(ranks), len(everything) - 1)])[::-1]
    scores = [ALERTS.at(files, threshold, profile) for threshold in thresholds.tolist()]
    return nab.Curve(np.concatenate(([np.inf], thresholds)), np.concatenate(([0.0], scores)))


ROWS = Reading(
    "rows", lambda score, threshold: score >= threshold, lambda files, p: nab.curve(files.judged, files.scores, p)
)
ALERTS = Reading("alerts", onsets, _alert_curve)


def nab_rows(detector: str, streams: Sequence[Stream], scores: Sequence[Floats]) -> list[dict[str, Any]]:
    """A row per reading and set of files: all, those tuned on, and the others at the thresholds of those."""
    files = Files([nab.judge(s.time_ns, [(w.start_ns, w.end_ns) for w in s.windows]) for s in streams], list(scores))
    tuning = files.some([number for number, stream in enumerate(streams) if stream.part is CorpusPart.TUNING])
    reporting = files.some([number for number, stream in enumerate(streams) if stream.part is CorpusPart.REPORTING])
    rows = []
    for reading in (ROWS, ALERTS):
        for name, chosen_on, scored_on in (
            ("all", files, files),
            (CorpusPart.TUNING.value, tuning, tuning),
            (f"{CorpusPart.REPORTING.value}, thresholds of {CorpusPart.TUNING.value}", tuning, reporting),
        ):
            if chosen_on.judged and scored_on.judged:
                rows.append(
                    {"detector": detector, "reading": reading.name, "files": name}
                    | _figures(reading, chosen_on, scored_on)
                )
    return rows


def _figures(reading: Reading, chosen_on: Files, scored_on: Files) -> dict[str, Any]:
    """Scores by profile at the thresholds that are best on other files, or on the same."""
    thresholds = {profile.name: reading.curve(chosen_on, profile).best()[0] for profile in nab.PROFILES}
    figures: dict[str, Any] = {
        profile.name: reading.at(scored_on, thresholds[profile.name], profile) for profile in nab.PROFILES
    }
    gains = reading.gains(scored_on, thresholds[nab.STANDARD.name], nab.STANDARD)
    windows = np.array([file.windows for file in scored_on.judged])

    def standard(chosen: NDArray[np.int64]) -> float:
        total = int(windows[chosen].sum())
        return nab.normalised(float(gains[chosen].sum()), total, nab.STANDARD) if total else float("nan")

    return figures | {"standard_interval": interval(standard, len(windows)), "thresholds": thresholds}
