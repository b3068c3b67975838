"""How good a stream of scores was, given labelled windows: VUS-PR, average precision, and events found at what price.

Point-adjusted F1 is left out on purpose: a random score reaches .83 with it on public data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.labels import LabelWindow
from models.timestamps import SECOND_NS

VUS_MAX_BUFFER = 100
"""Largest buffer around a labelled window, in points; the default of the paper's authors."""

VUS_THRESHOLDS = 250
"""Thresholds on the curve; the default of the paper's authors. More change the third decimal at most."""


def segments(labels: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Runs of True as `(n_segments, 2)`: first index and one past the last.

    >>> segments(np.array([0, 1, 1, 0, 1], dtype=bool)).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], labels.astype(np.int8), [0]))))
    return edges.reshape(-1, 2).astype(np.int64)


def average_precision(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Area under the precision-recall curve as a step function, ties taken together; nan without a positive label.

    >>> average_precision(np.array([0, 1, 0, 1], dtype=bool), np.array([.1, .9, .2, .8]))
    1.0
    """
    positives = int(labels.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    precision = hits[last_of_tie] / (last_of_tie + 1)
    gained = np.diff(np.concatenate(([0], hits[last_of_tie])))
    return float(np.sum(precision * gained) / positives)


def _softened(labels: NDArray[np.bool_], runs: NDArray[np.int64], buffer: int) -> NDArray[np.float64]:
    """Labels with a square-root slope of `buffer // 2` points on either side of every window."""
    soft = labels.astype(np.float64)
    for start, end in runs:
        last = end - 1
        after = np.arange(end, min(end + buffer // 2, len(labels)))
        before = np.arange(max(start - buffer // 2, 0), start)
        if buffer:
            soft[after] += np.sqrt(1 - (after - last) / buffer)
            soft[before] += np.sqrt(1 - (start - before) / buffer)
    clipped: NDArray[np.float64] = np.minimum(soft, 1.0)
    return clipped


def _merged(runs: NDArray[np.int64], buffer: int, length: int) -> list[tuple[int, int]]:
    """Windows widened by `buffer // 2` on both sides; those that touch become one."""
    merged: list[tuple[int, int]] = []
    for start, end in runs:
        low, high = max(int(start) - buffer // 2, 0), min(int(end) + buffer // 2, length)
        if merged and low < merged[-1][1]:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def vus_pr(
    labels: NDArray[np.bool_],
    scores: NDArray[np.float64],
    max_buffer: int = VUS_MAX_BUFFER,
    thresholds: int = VUS_THRESHOLDS,
) -> float:
    """Volume under the precision-recall surface over buffers 0 to `max_buffer` around the labelled windows.

    Source: Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022, section 4: labels soften towards the
    edges of a window, recall is weighted by the share of windows touched, and the area is averaged over the buffers.

    Args:
        labels: bool `(n,)`, True inside a labelled window.
        scores: float64 `(n,)`, finite, larger = more anomalous.
        max_buffer: largest buffer in points.
        thresholds: points on each curve.

    Returns:
        A value between 0 and 1; nan without a labelled window.
    """
    runs = segments(labels)
    if len(runs) == 0:
        return float("nan")
    length = len(scores)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    cuts = ordered[np.linspace(0, length - 1, thresholds).astype(int)]
    predicted = np.searchsorted(-ordered, -cuts, side="right")  # points at or above each cut
    positives = float(labels.sum())
    outside = ~labels
    areas = np.empty(max_buffer + 1)
    for buffer in range(max_buffer + 1):
        soft = _softened(labels, runs, buffer)
        hit = np.cumsum(soft[order])[predicted - 1]
        soft_outside = np.cumsum((soft * outside)[order])[predicted - 1]
        peaks = np.sort([scores[low:high].max() for low, high in _merged(runs, buffer, length)])
        touched = (len(peaks) - np.searchsorted(peaks, cuts, side="left")) / len(peaks)
        mean_positives = (positives + positives + soft_outside) / 2
        recall = np.minimum(hit / mean_positives, 1.0) * touched
        areas[buffer] = np.sum(np.diff(np.concatenate(([0.0], recall))) * (hit / predicted))
    return float(areas.mean())


@dataclass(frozen=True, slots=True)
class EventScore:
    """What the alerts were worth to the person they woke. Ratios are nan where there is nothing to divide by."""

    event_recall: float
    event_precision: float
    median_delay_s: float


def score_events(labelled: Sequence[LabelWindow], alerted: Sequence[LabelWindow]) -> EventScore:
    """Share of labelled windows with an alert, share of alerts inside one, median delay to the first alert.

    The delay counts from the start of the window to the start of the first alert that overlaps it, at least 0.

    >>> score_events([LabelWindow("a", 10, 20)], [LabelWindow("a", 12, 15), LabelWindow("a", 50, 51)])
    EventScore(event_recall=1.0, event_precision=0.5, median_delay_s=2e-09)
    """
    by_entity: dict[str, list[LabelWindow]] = {}
    for window in labelled:
        by_entity.setdefault(window.entity, []).append(window)
    first_alert: dict[LabelWindow, int] = {}
    good = 0
    for alert in alerted:
        touched = [
            w for w in by_entity.get(alert.entity, []) if alert.start_ns <= w.end_ns and alert.end_ns >= w.start_ns
        ]
        good += bool(touched)
        for window in touched:
            first_alert[window] = min(first_alert.get(window, alert.start_ns), alert.start_ns)
    delays = [max(at - window.start_ns, 0) / SECOND_NS for window, at in first_alert.items()]
    nan = float("nan")
    return EventScore(
        event_recall=len(first_alert) / len(labelled) if labelled else nan,
        event_precision=good / len(alerted) if alerted else nan,
        median_delay_s=float(np.median(delays)) if delays else nan,
    )
