"""What people say about alerts, and what follows from it: a threshold, labels, windows that training leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.labels import IncidentWindow, LabelWindow

STEP: Final = 1.1
"""By what one mark moves a threshold at most. A factor is the power of the false-alarm probability: at rows of a minute
and one alert a week asked for (9.2 nats) it leaves 40 % of the false alerts."""

LOWEST: Final = 0.7
HIGHEST: Final = 2.0
"""Bounds of the factor: sixteen times the false alerts asked for at rows of a minute, and their probability squared.
Marks alone make a service neither deaf nor hysterical."""

BELOW_USEFUL: Final = 0.9
"""A threshold stays below nine tenths of the weakest anomaly that somebody called useful."""

ABOVE_NOISE: Final = 1.05
"""A threshold goes as far above an anomaly called noise."""


class Verdict(StrEnum):
    """What somebody says about an alert, or about its absence."""

    USEFUL = "useful"
    NOISE = "noise"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Mark:
    """One verdict that stands; times in nanoseconds since the epoch.

    Attributes:
        entity: empty for all of the service. slo_name: empty where it is about an anomaly.
        peak: highest score of the anomaly, in thresholds at factor 1; None where there was none or nobody knows.
    """

    id: int
    verdict: Verdict
    service: str
    entity: str
    slo_name: str
    start_ns: int
    end_ns: int
    peak: float | None = None


def threshold_factor(marks: Iterable[Mark]) -> float:
    """By what a service's anomaly threshold is multiplied: the same marks give the same factor, so undoing undoes.

    Taken in the order in which they were made, noise raises it to just above its peak, by a step at most; what was
    missed lowers it by a step. Marks about burn alerts say something about an SLO, not about anomalies.

    >>> round(threshold_factor([Mark(1, Verdict.NOISE, "shop", "", "", 0, 1)]), 3)
    1.1
    """
    about = sorted((mark for mark in marks if not mark.slo_name), key=lambda mark: mark.id)
    factor = 1.0
    for mark in about:
        if mark.verdict is Verdict.NOISE:
            wanted = factor * STEP if mark.peak is None else max(mark.peak * ABOVE_NOISE, factor)
            factor = min(wanted, factor * STEP, HIGHEST)
        elif mark.verdict is Verdict.MISSED:
            factor = max(factor / STEP, LOWEST)
    useful = [mark.peak for mark in about if mark.verdict is Verdict.USEFUL and mark.peak is not None]
    return max(min([factor, *(BELOW_USEFUL * peak for peak in useful if peak > 1.0)]), LOWEST)


def with_marks(windows: Sequence[IncidentWindow], marks: Iterable[Mark]) -> list[IncidentWindow]:
    """Windows that training leaves out and judges by, as people corrected them.

    What somebody called noise is normal and is learnt, as far as the window is the marked one's entity's; what was
    useful or missed is none of it, whatever the detectors said.
    """
    found = list(marks)
    noise = [mark for mark in found if mark.verdict is Verdict.NOISE]
    kept = [window for window in windows if not any(_covers(mark, window) for mark in noise)]
    known = [mark for mark in found if mark.verdict is not Verdict.NOISE]
    return kept + [IncidentWindow(mark.entity, mark.start_ns, mark.end_ns + 1) for mark in known]


def label_windows(marks: Iterable[Mark], *, noise: bool) -> list[LabelWindow]:
    """Marks as labels by entity: what was abnormal, or (`noise`) what was not worth an alert.

    A mark on a burn alert is labelled by the SLO's name where it is noise, as `tidewatch slo simulate --noise` takes
    it, and one on a whole service by its name, which is the entity of services without instances.
    """
    return [
        LabelWindow((noise and mark.slo_name) or mark.entity or mark.service, mark.start_ns, mark.end_ns)
        for mark in marks
        if (mark.verdict is Verdict.NOISE) is noise
    ]


def _covers(mark: Mark, window: IncidentWindow) -> bool:
    """Whether the mark is about what the window is about, and overlaps it."""
    return mark.entity in ("", window.entity) and mark.start_ns < window.end_ns and window.start_ns <= mark.end_ns
