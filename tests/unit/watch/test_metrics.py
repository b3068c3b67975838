"""What the watch agent tells Prometheus: counters of durable work, gauges of the newest scores."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import cast

import numpy as np
from prometheus_client import CollectorRegistry

from agents.watch.metrics import LatestScoresCollector, WatchMetrics
from agents.watch.partition_state import PartitionState
from models.names import Metric
from models.records import SampleColumns
from models.wire.sample_records import Decoded
from tests.unit.streams import make, noise, series, table

S = 10**9


def state() -> PartitionState:
    """A partition that has folded a minute of two instances, one of which is too young for a band."""
    pipeline = make()
    pipeline.fold(table({series("cpu"): noise(60, 0), series("cpu", "b"): np.where(np.arange(60) < 1, 5.0, np.nan)}))
    pipeline.finish()
    return cast(PartitionState, SimpleNamespace(lock=threading.Lock(), pipeline=pipeline))


def test_gauges_are_those_of_the_partitions_that_are_ours_now() -> None:
    registry, ours = CollectorRegistry(), [state()]
    registry.register(LatestScoresCollector(lambda: ours))
    of_a = {"service": "shop", "entity": "shop/a"}
    score = registry.get_sample_value(Metric.ANOMALY_SCORE.value, of_a)
    assert score is not None
    assert 0.0 <= score < 1.0
    assert (registry.get_sample_value(Metric.ENTITIES.value), registry.get_sample_value(Metric.SERIES.value)) == (2, 2)
    ours.clear()
    assert registry.get_sample_value(Metric.ANOMALY_SCORE.value, of_a) is None
    assert registry.get_sample_value(Metric.ENTITIES.value) == 0


def test_what_has_no_band_yet_has_no_gauge_of_one() -> None:
    registry = CollectorRegistry()
    registry.register(LatestScoresCollector(lambda: [state()]))
    expected = [
        registry.get_sample_value(Metric.EXPECTED.value, {"service": "shop", "entity": f"shop/{instance}"})
        for instance in ("a", "b")
    ]
    assert [value is None for value in expected] == [False, True]


def test_a_micro_batch_is_counted_by_what_became_of_its_samples() -> None:
    registry = CollectorRegistry()
    metrics = WatchMetrics(registry, list)
    samples = table({series("cpu"): noise(60, 0)})
    pipeline = make()
    folded = pipeline.fold(samples)
    again = pipeline.fold(samples)
    columns = SampleColumns([], np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0))
    decoded = [Decoded("metrics:0", 100 * S, columns, np.zeros(0, np.int64))]
    metrics.count(folded, decoded, now_ns=102 * S)
    metrics.count(again, [], now_ns=102 * S)
    metrics.count_undecodable()
    fates = [
        registry.get_sample_value(Metric.SAMPLE_FATE.value, {"fate": fate})
        for fate in ("accepted", "duplicate", "late", "undecodable")
    ]
    assert fates == [60, 16, 44, 1], "of what comes again the newest sixteen are known as repeats"
    assert registry.get_sample_value(Metric.ROWS_SCORED.value) == len(folded.rows)
    assert registry.get_sample_value(f"{Metric.SCORE_AGE_SECONDS.value}_sum") == 2.0
