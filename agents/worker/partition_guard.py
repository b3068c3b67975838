"""Lets a partition rest whose work fails for a reason that is neither passing nor the data's, while others go on."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from infra.backoff import Backoff
from models.names import Metric

log = logging.getLogger(__name__)

FIRST_REST_S: Final = 1.0
"""Long enough for the alert's scrape to see it where the second attempt fails as well."""

LONGEST_REST_S: Final = 60.0
"""Between two attempts at what only a person can mend: nobody waits longer than this once it is mended."""


class PartitionGuard:
    """Which partitions of a worker's agents rest, and for how long."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waits: dict[tuple[str, int | str], Backoff] = {}
        self._stopped = Gauge(
            Metric.PARTITION_STOPPED.value,
            "1 while a partition rests because its work fails.",
            ["agent", "partition"],
            registry=registry,
        )

    async def rest(self, agent: str, partition: int | str, error: BaseException) -> None:
        """Say that the partition's work failed, and wait until it may be tried again."""
        waits = self._waits.setdefault((agent, partition), Backoff(FIRST_REST_S, LONGEST_REST_S))
        wait_s = waits.next_s()
        self._stopped.labels(agent, str(partition)).set(1)
        log.critical(
            "%s: partition %s rests for %.0f s, the others go on: %r", agent, partition, wait_s, error, exc_info=error
        )
        await asyncio.sleep(wait_s)

    def goes_on(self, agent: str, partition: int | str) -> None:
        """Say that the partition's work succeeded, or is somebody else's now."""
        if self._waits.pop((agent, partition), None) is not None:
            self._stopped.remove(agent, str(partition))
            log.info("%s: partition %s goes on", agent, partition)
