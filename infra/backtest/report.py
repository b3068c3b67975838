"""`report.json`: what a backtest saw, raised and, where the truth is known, found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.metrics import average_precision, score_events, vus_pr
from models.labels import LabelWindow
from models.reasons import AlertState
from models.state.results import Episode, Folded
from models.timestamps import DAY_NS


@dataclass
class BacktestTotals:
    """Rows and episodes of all files, gathered as they come."""

    samples: int = 0
    rows: int = 0
    ticks: dict[str, list[NDArray[np.int64]]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[str, list[NDArray[np.float64]]] = field(default_factory=lambda: defaultdict(list))
    episodes: dict[str, Episode] = field(default_factory=dict)
    decided_ns: dict[str, int] = field(default_factory=dict)

    def add(self, folded: Folded, entity_names: Sequence[str]) -> None:
        """Take one fold's results."""
        rows = folded.rows
        self.rows += len(rows)
        for number in np.unique(rows.entity).tolist():
            of_entity = rows.entity == number
            self.ticks[entity_names[number]].append(rows.tick_ns[of_entity])
            self.scores[entity_names[number]].append(rows.score[of_entity])
        for episode in folded.episodes:
            self.episodes[episode.id] = episode
            if episode.state is AlertState.FIRING:
                self.decided_ns.setdefault(episode.id, episode.at_ns)


def report(
    collected: BacktestTotals, labels: Sequence[LabelWindow] | None, scored_from_ns: Mapping[str, int], seconds: float
) -> dict[str, Any]:
    """The report's figures.

    Args:
        collected: what came out of the folds.
        labels: abnormal time ranges; None where nobody knows, and then the figures that need them are left out.
        scored_from_ns: entity -> first event time to judge; entities without one are judged from their first row.
        seconds: how long the run took.
    """
    judged = {entity: _judged(collected, entity, scored_from_ns.get(entity)) for entity in collected.ticks}
    alerts = [
        LabelWindow(episode.entity, collected.decided_ns[identity], _end_ns(episode, judged))
        for identity, episode in collected.episodes.items()
        if identity in collected.decided_ns
        and collected.decided_ns[identity] >= scored_from_ns.get(episode.entity, -(2**62))
    ]
    days = sum(float(ticks[-1] - ticks[0]) / DAY_NS for ticks, _ in judged.values() if len(ticks) > 1)
    figures: dict[str, Any] = {
        "samples": collected.samples,
        "rows": collected.rows,
        "entities": len(judged),
        "seconds": round(seconds, 3),
        "alerts": len(alerts),
        "alerts_per_entity_day": round(len(alerts) / days, 6) if days else None,
    }
    if labels is not None:
        figures |= _against_labels(judged, alerts, labels)
    return figures


def _judged(
    collected: BacktestTotals, entity: str, from_ns: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    ticks, scores = np.concatenate(collected.ticks[entity]), np.concatenate(collected.scores[entity])
    if from_ns is None:
        return ticks, scores
    return ticks[ticks >= from_ns], scores[ticks >= from_ns]


def _end_ns(episode: Episode, judged: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]) -> int:
    return episode.ended_ns if episode.ended_ns is not None else int(judged[episode.entity][0][-1])


def _against_labels(
    judged: Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]],
    alerts: Sequence[LabelWindow],
    labels: Sequence[LabelWindow],
) -> dict[str, Any]:
    volumes, areas = [], []
    for entity, (ticks, scores) in judged.items():
        inside = np.zeros(len(ticks), dtype=bool)
        for window in labels:
            if window.entity == entity:
                inside |= (ticks >= window.start_ns) & (ticks <= window.end_ns)
        if inside.any():
            volumes.append(vus_pr(inside, scores))
            areas.append(average_precision(inside, scores))
    known = [
        window
        for window in labels
        if window.entity in judged and len(judged[window.entity][0]) and window.end_ns >= judged[window.entity][0][0]
    ]
    events = score_events(known, alerts)
    figures = {
        "vus_pr": float(np.mean(volumes)) if volumes else float("nan"),
        "pr_auc": float(np.mean(areas)) if areas else float("nan"),
        "event_recall": events.event_recall,
        "event_precision": events.event_precision,
        "median_delay_s": events.median_delay_s,
    }
    return {name: None if np.isnan(value) else round(value, 6) for name, value in figures.items()} | {
        "labelled_windows": len(known),
        "labels_without_rows": len(labels) - len(known),
    }
