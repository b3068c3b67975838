"""Patience with dependencies that are down: bounded waits, and a metric that says so."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from infra.backoff import Backoff
from models.errors import Unavailable
from models.names import Metric

T = TypeVar("T")

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 5.0
"""A dependency that is back is used again within this time; short beside the seconds it takes one to start."""

JITTER: Final = 0.25
"""Share by which waits differ, so that workers which lost the same dependency do not all come back in the same
instant."""


class Dependencies:
    """Calls what may be unavailable until it succeeds. Only `Unavailable` is waited out; every other error is
    raised."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            Metric.DEPENDENCY_UP.value, "1 if the dependency answered the last call.", ["dependency"], registry=registry
        )
        self._retries = Counter(
            Metric.COMMIT_RETRIES.value.removesuffix("_total"),
            "Calls of a dependency that were repeated because it was unavailable.",
            ["dependency"],
            registry=registry,
        )

    async def until_available(self, dependency: str, call: Callable[[], Awaitable[T]]) -> T:
        """Result of `call`, repeated with growing waits while it raises `Unavailable`. End it by cancelling.

        Args:
            dependency: short fixed name for the metric's label: `postgresql`, `kafka`, `lake`, `mlflow`, ...
            call: makes one attempt; it must be safe to repeat.
        """
        waits = Backoff(0.1, LONGEST_WAIT_S)
        while True:
            try:
                result = await call()
            except Unavailable as error:
                wait_s = waits.next_s() * random.uniform(1 - JITTER, 1 + JITTER)
                self._up.labels(dependency).set(0)
                self._retries.labels(dependency).inc()
                log.warning("%s; next attempt in %.1f s", error, wait_s)
                await asyncio.sleep(wait_s)
            else:
                self._up.labels(dependency).set(1)
                return result
