"""What the workers tell Prometheus: counters of the watch agent, gauges read from the state at scrape time, lag."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.worker.decision_counter import decision_counter
from models.names import Metric
from models.timestamps import SECOND_NS
from models.wire.sample_records import Decoded

if TYPE_CHECKING:
    from agents.watch.partition_state import PartitionState
    from models.state.results import Folded, LatestScores

AGE_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)
"""The goal is a quarter of a second in the median and one second at the 99th percentile; a backlog is hours."""

ANOMALY: Final = "anomaly"
"""Kind of the decisions counted here."""

PATIENCE_S: Final = 0.3
"""What a scrape waits for folds in all: `/metrics` has to answer within a second, whatever a fold takes."""

UNDECODABLE: Final = "undecodable"
"""Fate of a record on `samples` that ingest did not write."""


class WatchMetrics:
    """Counters of what was folded with effects (a muted replay counts nothing), and gauges of the newest scores."""

    def __init__(self, registry: CollectorRegistry, partitions: Callable[[], Sequence[PartitionState]]) -> None:
        def counter(name: Metric, text: str, *labels: str) -> Counter:
            return Counter(name.value.removesuffix("_total"), text, labels, registry=registry)

        self._fates = counter(Metric.SAMPLE_FATE, "Samples by what became of them.", "fate")
        self._rows = counter(Metric.ROWS_SCORED, "Entity ticks that were scored.")
        self._anomalous = counter(Metric.ANOMALOUS_ROWS, "Entity ticks that scored above the threshold.")
        self._drifts = counter(Metric.DRIFTS, "Confirmed drifts.", "service")
        self._retrains = counter(Metric.RETRAIN_REQUESTS, "Requests for a new model.", "service", "reason")
        self._decisions = decision_counter(registry)
        self._age = Histogram(
            Metric.SCORE_AGE_SECONDS.value,
            "Time from the broker's stamp of a source record to its durable result.",
            buckets=AGE_BUCKETS_S,
            registry=registry,
        )
        registry.register(LatestScoresCollector(partitions))

    def count(self, folded: Folded, decoded: Sequence[Decoded], now_ns: int) -> None:
        """Count what one micro-batch gave, once its effects are durable."""
        for fate, samples in folded.fates.items():
            self._fates.labels(fate.value).inc(samples)
        self._rows.inc(len(folded.rows.entity))
        self._anomalous.inc(int(np.count_nonzero(folded.rows.is_anomaly)))
        for drift in folded.drifts:
            self._drifts.labels(drift.service).inc()
        for request in folded.retrain:
            self._retrains.labels(request.service, request.reason.value).inc()
        for episode in folded.episodes:
            self._decisions.labels(ANOMALY, episode.decision.value).inc()
        for decision, times in folded.held.items():
            self._decisions.labels(ANOMALY, decision.value).inc(times)
        for part in decoded:
            self._age.observe(max(0.0, (now_ns - part.seen_at_ns) / SECOND_NS))

    def count_undecodable(self) -> None:
        """Count a record that is none of ours."""
        self._fates.labels(UNDECODABLE).inc()


class _Shown(NamedTuple):
    """What a scrape shows of a partition."""

    latest: LatestScores
    entities: int
    series: int


class LatestScoresCollector(Collector):
    """Newest score, value and expected band per entity of the partitions that this worker has now.

    A scrape waits for folds `PATIENCE_S` in all; of a partition whose fold takes longer it shows what it saw before.
    """

    def __init__(self, partitions: Callable[[], Sequence[PartitionState]]) -> None:
        self._partitions = partitions
        self._seen: dict[int, tuple[PartitionState, _Shown]] = {}  # by identity: the state is kept, so it has no heir

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: what there is depends on the stream, and registering must not read it."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called in the thread of the scrape."""
        labels = ["service", "entity"]
        families = {
            "score": GaugeMetricFamily(Metric.ANOMALY_SCORE.value, "Newest score; 1 is the threshold.", labels=labels),
            "value": GaugeMetricFamily(Metric.VALUE.value, "Newest value of the cause metric.", labels=labels),
            "expected": GaugeMetricFamily(Metric.EXPECTED.value, "Its expected value.", labels=labels),
            "expected_lower": GaugeMetricFamily(Metric.EXPECTED_LOWER.value, "Lower end of its band.", labels=labels),
            "expected_upper": GaugeMetricFamily(Metric.EXPECTED_UPPER.value, "Upper end of its band.", labels=labels),
        }
        entities = series = 0
        states = self._partitions()
        self._seen = {id(state): self._seen[id(state)] for state in states if id(state) in self._seen}
        for state in states:
            shown = self._look(state, PATIENCE_S / len(states))
            if shown is None:
                continue
            latest, entities, series = shown.latest, entities + shown.entities, series + shown.series
            for column, family in families.items():
                values = getattr(latest, column).tolist()
                for service, entity, value in zip(latest.service, latest.entity, values, strict=True):
                    if math.isfinite(value):
                        family.add_metric([service, entity], value)
        yield from families.values()
        yield GaugeMetricFamily(Metric.ENTITIES.value, "Entities in the state of this worker.", value=entities)
        yield GaugeMetricFamily(Metric.SERIES.value, "Series in the state of this worker.", value=series)

    def _look(self, state: PartitionState, patience_s: float) -> _Shown | None:
        """A partition between two folds, or as it was at the last scrape; None where no scrape has seen it yet."""
        if state.lock.acquire(timeout=patience_s):
            try:
                pipeline = state.pipeline
                shown = _Shown(pipeline.latest(), len(pipeline.entities), pipeline.n_series)
                self._seen[id(state)] = state, shown
            finally:
                state.lock.release()
        seen = self._seen.get(id(state))
        return seen[1] if seen is not None else None
