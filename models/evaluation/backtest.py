"""The live system over recorded samples: the same fold, and the trainer played at the event time it would have run at.

The order of things is a function of the samples alone, never of how they were cut into batches: a new model takes over
at the first of fixed points of the stream after it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.labels import IncidentWindow
from models.pipeline.pipeline import Pipeline
from models.reasons import RetrainStep, TrainingOutcome
from models.records import SampleColumns
from models.service_model.model import ServiceModel
from models.state.results import Episode, Folded, RetrainRequest
from models.timestamps import SECOND_NS
from models.training.fit import TooLittleData
from models.training.queue import Asked, LastTraining, Step, next_step
from models.training.train import TrainingOrder, TrainingRules, train
from models.training.triggers import changed_ns

MOMENTS_PER_CELL = 64
"""Models change only where the newest event time has advanced this many times since the last such point. It stands for
the time that training takes live, and bounds the calls of the fold that a long file costs."""


NOTHING_NS = -(2**62)
"""Newest event time of a training that had too little data: it has answered nothing."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a request ended: when it was granted (event time), and the version that serves since, empty where none
    does."""

    request: RetrainRequest
    at_ns: int
    outcome: TrainingOutcome
    sentence: str
    version: str


def concatenate(parts: Sequence[SampleColumns]) -> SampleColumns:
    """One set of columns from many, in order; series that occur in several get one index."""
    index: dict[str, int] = {}
    series: list[NDArray[np.int32]] = []
    for part in parts:
        mapping = np.array([index.setdefault(text, len(index)) for text in part.series_ids], dtype=np.int32)
        known = np.array_equal(mapping, np.arange(len(mapping)))  # as in files of one table, whose parts number alike
        series.append(part.series if known else mapping[part.series])
    return SampleColumns(
        list(index),
        np.concatenate(series) if series else np.empty(0, np.int32),
        np.concatenate([part.event_time_ns for part in parts]) if parts else np.empty(0, np.int64),
        np.concatenate([part.values for part in parts]) if parts else np.empty(0, np.float64),
    )


def cut(samples: SampleColumns, start: int, end: int) -> SampleColumns:
    """Samples `start` to `end` (exclusive), sharing the arrays."""
    return SampleColumns(
        samples.series_ids, samples.series[start:end], samples.event_time_ns[start:end], samples.values[start:end]
    )


class _Cells:
    """Where the stream's fixed points lie, whatever its batches."""

    def __init__(self) -> None:
        self._newest_ns = -(2**62)
        self._moments = 0

    def ends(self, event_time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Positions in this batch before which a cell ends."""
        if len(event_time_ns) == 0:
            return np.empty(0, np.int64)
        running = np.maximum.accumulate(np.concatenate(([self._newest_ns], event_time_ns)))
        moments = self._moments + np.cumsum(np.diff(running) > 0)
        cell = (moments - 1) // MOMENTS_PER_CELL
        previous = np.concatenate(([(self._moments - 1) // MOMENTS_PER_CELL], cell[:-1]))
        self._newest_ns, self._moments = int(running[-1]), int(moments[-1])
        return np.flatnonzero(cell > previous)


class Backtest:
    """Plays samples through one pipeline and grants its requests for new models."""

    def __init__(self, pipeline: Pipeline, rules: TrainingRules, *, cooldown_s: float, history_s: float) -> None:
        """Start with an empty past.

        Args:
            pipeline: holds the state; may have SLOs bound already.
            rules: how to train.
            cooldown_s: shortest event time between two trainings of one service; a request waits until it is over.
            history_s: how far back the training samples reach.
        """
        self._pipeline = pipeline
        self._rules = rules
        self._cooldown_s = cooldown_s
        self._history_ns = int(history_s * SECOND_NS)
        self._cells = _Cells()
        self._history: list[SampleColumns] = []
        self._retrain_requests: dict[str, RetrainRequest] = {}
        self._champions: dict[str, ServiceModel] = {}
        self._last: dict[str, LastTraining] = {}
        self._incidents: dict[str, Episode] = {}
        self.trainings: list[Training] = []
        self._now_ns = -(2**62)

    def play(self, batch: SampleColumns) -> Iterator[Folded]:
        """Results of the folds of one batch, in order."""
        start = 0
        for end in self._cells.ends(batch.event_time_ns).tolist():
            if end > start:
                yield self._fold(cut(batch, start, end))
            self._grant_wishes()
            start = end
        if start < len(batch):
            yield self._fold(cut(batch, start, len(batch)))

    def finish(self) -> Folded:
        """Results of closing the ticks that are still open."""
        return self._pipeline.finish()

    def _fold(self, samples: SampleColumns) -> Folded:
        self._now_ns = max(self._now_ns, int(samples.event_time_ns.max()))
        self._history.append(samples)
        folded = self._pipeline.fold(samples)
        self._incidents.update((episode.id, episode) for episode in folded.emitted)
        for request in folded.retrain:
            self._retrain_requests.setdefault(request.service, request)
        return folded

    def _grant_wishes(self) -> None:
        due = []
        for request in list(self._retrain_requests.values()):
            step = self._next_step(request)
            if step.ends or step.reason is RetrainStep.TRAIN:
                del self._retrain_requests[request.service]
            if step.ends:
                self.trainings.append(
                    Training(request, self._now_ns, TrainingOutcome.SUPERSEDED, step.reason.value, "")
                )
            elif step.reason is RetrainStep.TRAIN:
                due.append(request)
        if not due:
            return
        history = self._recent_history()
        self._history = [history]
        for request in due:
            trained = LastTraining(request.id, self._now_ns, self._now_ns)
            if not self._serve(request, history):
                trained = replace(trained, trained_to_ns=NOTHING_NS)
            self._last[request.service] = trained

    def _next_step(self, request: RetrainRequest) -> Step:
        """What the live queue would do now; a recording has no pages."""
        return next_step(
            Asked(request.reason, request.at_ns),
            self._last.get(request.service),
            has_champion=request.service in self._champions,
            paging=False,
            now_ns=self._now_ns,
            cooldown_s=self._cooldown_s,
        )

    def _serve(self, request: RetrainRequest, history: SampleColumns) -> bool:
        """Train for a request, and serve the challenger where it is promoted; False where there was too little data."""
        try:
            trained = train(history, self._order(request), self._champions.get(request.service), self._rules)
        except TooLittleData as error:
            self.trainings.append(Training(request, self._now_ns, TrainingOutcome.TOO_LITTLE_DATA, str(error), ""))
            return False
        verdict = trained.verdict
        version = ""
        if verdict.outcome is TrainingOutcome.PROMOTED:
            version = str(1 + sum(bool(earlier.version) for earlier in self.trainings))
            champion = replace(trained.model, version=version)
            self._champions[request.service] = champion
            self._pipeline.use_model(request.service, champion)
        self.trainings.append(Training(request, self._now_ns, verdict.outcome, verdict.sentence, version))
        return True

    def _order(self, request: RetrainRequest) -> TrainingOrder:
        incidents = tuple(
            IncidentWindow(episode.entity, episode.started_ns, episode.ended_ns or self._now_ns + 1, suspected=True)
            for episode in self._incidents.values()
            if episode.service == request.service
        )
        return TrainingOrder(request.service, request.id, request.reason, changed_ns(request.evidence), incidents)

    def _recent_history(self) -> SampleColumns:
        whole = concatenate(self._history)
        recent = whole.event_time_ns >= self._now_ns - self._history_ns
        first = int(recent.argmax())
        if recent[first:].all():  # in order of time: the rest of the arrays, not a copy of it
            return cut(whole, first, len(whole))
        return SampleColumns(whole.series_ids, whole.series[recent], whole.event_time_ns[recent], whole.values[recent])
