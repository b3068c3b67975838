"""How far a worker is behind, as Prometheus reads it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import faust
from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.kafka.lag import LagCollector
from models.names import Metric


def scraped(*, started: bool) -> CollectorRegistry:
    lags = {TP("metrics", 0): 7, TP("samples", 3): 0}
    app = SimpleNamespace(started=started, consumer=SimpleNamespace(lags=lambda: lags))
    registry = CollectorRegistry()
    registry.register(LagCollector(cast(faust.App, app)))
    return registry


def test_every_partition_has_its_lag() -> None:
    registry = scraped(started=True)
    found = [
        registry.get_sample_value(Metric.CONSUMER_LAG.value, {"topic": topic, "partition": partition})
        for topic, partition in (("metrics", "0"), ("samples", "3"))
    ]
    assert found == [7, 0]


def test_before_the_app_has_started_there_is_none() -> None:
    assert list(scraped(started=False).collect()) == []
