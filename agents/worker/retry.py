"""Patience with dependencies that are down: bounded waits, and a metric that says so."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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

HANGING_S: Final = 15.0
"""A call without an answer for this long counts as down: many times what the slowest call in health takes, and told
within a minute with the alert's own time."""


@dataclass(eq=False, slots=True)
class _Call:
    """One caller's present attempt: since when it waits, and whether the attempt before it failed."""

    since_s: float
    failed: bool = False


class Dependencies(Collector):
    """Calls what may be unavailable until it succeeds. Only `Unavailable` is waited out; every other error is raised.

    A dependency is down while any call of it is repeated or hangs: others that succeed meanwhile, for other partitions,
    do not hide it.

    Args:
        steady_s: a steady clock, seconds.
        chance: spreads the waits.
    """

    def __init__(
        self, registry: CollectorRegistry, steady_s: Callable[[], float], chance: Random | None = None
    ) -> None:
        self._steady_s = steady_s
        self._chance = chance or Random()
        self._calls: defaultdict[str, dict[_Call, None]] = defaultdict(dict)
        self._retries = Counter(
            Metric.COMMIT_RETRIES.value.removesuffix("_total"),
            "Calls of a dependency that were repeated because it was unavailable.",
            ["dependency"],
            registry=registry,
        )
        registry.register(self)

    def waiting(self) -> list[str]:
        """Dependencies that some call waits for at this moment. Any thread may ask."""
        return [dependency for dependency in list(self._calls) if not self.is_up(dependency)]

    async def until_available(self, dependency: str, call: Callable[[], Awaitable[T]]) -> T:
        """Result of `call`, repeated with growing waits while it raises `Unavailable`. End it by cancelling.

        Args:
            dependency: short fixed name for the metric's label: `postgresql`, `kafka`, `lake`, `mlflow`, ...
            call: makes one attempt; it must be safe to repeat.
        """
        waits = Backoff(0.1, LONGEST_WAIT_S)
        mine = _Call(self._steady_s())
        self._calls[dependency][mine] = None
        try:
            while True:
                try:
                    return await call()
                except Unavailable as error:
                    wait_s = waits.next_s() * self._chance.uniform(1 - JITTER, 1 + JITTER)
                    mine.failed = True
                    self._retries.labels(dependency).inc()
                    log.warning("%s; next attempt in %.1f s", error, wait_s)
                    await asyncio.sleep(wait_s)
                    mine.since_s = self._steady_s()
        finally:
            del self._calls[dependency][mine]

    def is_up(self, dependency: str) -> bool:
        """Whether no call of it is being repeated or hangs."""
        oldest_s = self._steady_s() - HANGING_S
        return not any(call.failed or call.since_s < oldest_s for call in list(self._calls[dependency]))

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: which dependencies there are shows when they are called."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called in the thread of the scrape."""
        up = GaugeMetricFamily(
            Metric.DEPENDENCY_UP.value, "1 unless a call is being repeated or hangs.", labels=["dependency"]
        )
        for dependency in list(self._calls):
            up.add_metric([dependency], float(self.is_up(dependency)))
        yield up
