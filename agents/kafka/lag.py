"""How far a worker is behind, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import faust
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.kafka.transport import Consumer
from models.names import Metric


class LagCollector(Collector):
    """Records that this worker's partitions hold and that are not acknowledged yet."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not start the consumer."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called in the thread of the scrape."""
        lag = GaugeMetricFamily(
            Metric.CONSUMER_LAG.value, "Records not acknowledged yet.", labels=["topic", "partition"]
        )
        if not self._app.started:
            return
        for tp, records in cast(Consumer, self._app.consumer).lags().items():
            lag.add_metric([tp.topic, str(tp.partition)], records)
        yield lag
