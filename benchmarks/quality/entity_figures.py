"""Figures of one detector on the entities of a data set: ranking of rows, and alerts within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.alerts import episodes, lowest_threshold
from benchmarks.quality.corpus import CorpusPart, Stream
from benchmarks.quality.intervals import interval
from models.evaluation.metrics import average_precision, score_events, vus_pr
from models.labels import LabelWindow

ALERTS_PER_DAY = 1.0
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class EntityFigures:
    """Figures of one entity's judged part.

    Attributes:
        vus_pr, average_precision: of the rows, nan without a labelled window.
        alerts, right: alerts at no more than one a day, and those that overlap a labelled window.
        windows, delays_s: labelled windows, and the delay of each that has an alert.
    """

    vus_pr: float
    average_precision: float
    alerts: int
    right: int
    windows: int
    delays_s: tuple[float, ...]


def entity_figures(stream: Stream, score: NDArray[np.float64]) -> EntityFigures:
    """Figures of a detector's score `(n,)` on one stream. The threshold is the entity's own: the lowest that keeps to
    the budget, which favours detectors whose scale differs between entities."""
    judged, inside, times = score[stream.judged], stream.inside[stream.judged], stream.time_ns[stream.judged]
    found = episodes(judged, lowest_threshold(judged, ALERTS_PER_DAY * stream.judged_days))
    alerts = [LabelWindow(stream.entity, int(times[first]), int(times[last])) for first, last in found]
    windows = stream.judged_windows
    delays = [score_events([window], alerts).median_delay_s for window in windows]
    right = sum(score_events(windows, [alert]).event_precision > 0 for alert in alerts) if windows else 0
    return EntityFigures(
        vus_pr(inside, judged),
        average_precision(inside, judged),
        len(alerts),
        right,
        len(windows),
        tuple(delay for delay in delays if not np.isnan(delay)),
    )


def entity_rows(
    detector: str, streams: Sequence[Stream], scores: Sequence[NDArray[np.float64]]
) -> list[dict[str, Any]]:
    """A row for all entities of a data set, one for those tuned on, and one for the others."""
    every = [(s, entity_figures(s, score)) for s, score in zip(streams, scores, strict=True)]
    rows = []
    for name, parts in (
        ("all", set(CorpusPart)),
        ("tuning", {CorpusPart.TUNING}),
        ("reporting", {CorpusPart.REPORTING}),
    ):
        some = [figures for stream, figures in every if stream.part in parts]
        if some:
            rows.append({"detector": detector, "files": name, "entities": len(some)} | summary(some))
    return rows


def summary(entities: Sequence[EntityFigures]) -> dict[str, Any]:
    """Means over entities and ratios over all of their alerts and windows, with intervals over entities."""
    columns = {
        name: np.array([float(getattr(entity, name)) for entity in entities])
        for name in ("vus_pr", "average_precision", "alerts", "right", "windows")
    }
    columns["hit"] = np.array([float(len(entity.delays_s)) for entity in entities])

    def mean(name: str, chosen: NDArray[np.int64]) -> float:
        known = columns[name][chosen]
        known = known[~np.isnan(known)]
        return float(known.mean()) if len(known) else NAN

    def ratio(part: str, whole: str, chosen: NDArray[np.int64]) -> float:
        total = columns[whole][chosen].sum()
        return float(columns[part][chosen].sum() / total) if total else NAN

    figures: dict[str, Callable[[NDArray[np.int64]], float]] = {
        "vus_pr": lambda chosen: mean("vus_pr", chosen),
        "average_precision": lambda chosen: mean("average_precision", chosen),
        "precision": lambda chosen: ratio("right", "alerts", chosen),
        "recall": lambda chosen: ratio("hit", "windows", chosen),
    }
    everybody = np.arange(len(entities))
    delays = [delay for entity in entities for delay in entity.delays_s]
    result: dict[str, Any] = {}
    for name, figure in figures.items():
        result[name] = figure(everybody)
        result[f"{name}_interval"] = interval(figure, len(entities))
    return result | {
        "alerts": int(columns["alerts"].sum()),
        "windows": int(columns["windows"].sum()),
        "median_delay_s": float(np.median(delays)) if delays else NAN,
    }
