"""What every role gets from the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Final, ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from agents.kafka.topic_ids import TopicIds
from agents.worker.partition_guard import PartitionGuard
from agents.worker.retry import Dependencies
from agents.worker.serving_models import ServingModels
from infra.clock import Clock
from infra.settings import Settings
from infra.store.database import Database
from models.names import Metric

P = ParamSpec("P")
T = TypeVar("T")
Hook = Callable[[], Awaitable[None]]

BATCH_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
"""A micro-batch takes tens of milliseconds; more than a second means that something is held back."""


@dataclass(frozen=True)
class Context:
    """Collaborators of the roles of one worker.

    Attributes:
        settings, database: as read and connected by the composition root.
        registry: the worker's own Prometheus registry, served on its `/metrics`.
        threads: where blocking calls go; each thread has a database connection of its own.
        dependencies: retries what is unavailable, and says on `/metrics` what is.
        clock: the wall clock and the steady one.
        chance: spreads what would else happen in one moment; a seeded one repeats itself.
        models: what `model_updates` loads and `watch` serves.
    """

    settings: Settings
    database: Database
    registry: CollectorRegistry
    threads: ThreadPoolExecutor
    dependencies: Dependencies
    clock: Clock
    chance: Random = field(default_factory=Random)
    models: ServingModels = field(default_factory=ServingModels)
    start_hooks: list[Hook] = field(default_factory=list)
    stop_hooks: list[Hook] = field(default_factory=list)

    @cached_property
    def batch_seconds(self) -> Histogram:
        """Time from a micro-batch's arrival at an agent until its effects are out; label `agent`."""
        return Histogram(
            Metric.BATCH_SECONDS.value,
            "Time that an agent spent on a micro-batch.",
            ["agent"],
            buckets=BATCH_BUCKETS_S,
            registry=self.registry,
        )

    @cached_property
    def topic_ids(self) -> TopicIds:
        """Ids of the topics whose offsets are stored."""
        return TopicIds(self.settings, lambda topic: self.recreated.labels(topic).inc())

    @cached_property
    def recreated(self) -> Counter:
        """Topics, and partitions of topics, that were noticed to have been made anew; label `topic`."""
        return Counter(
            Metric.TOPICS_RECREATED.value.removesuffix("_total"),
            "Topics, and partitions of topics, that were noticed to have been made anew.",
            ["topic"],
            registry=self.registry,
        )

    @cached_property
    def guard(self) -> PartitionGuard:
        """Which partitions rest because their work fails."""
        return PartitionGuard(self.registry)

    @cached_property
    def parked(self) -> Counter:
        """Effects of samples that a store refused for good; label `what`."""
        return Counter(
            Metric.PARKED.value.removesuffix("_total"),
            "Effects of samples that a store refused and that went to the dead-letter topic.",
            ["what"],
            registry=self.registry,
        )

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Result of the blocking `function`, called on one of the worker's threads."""
        return await asyncio.wrap_future(self.threads.submit(function, *args, **kwargs))

    def on_start(self, hook: Hook) -> None:
        """Call `hook` before the worker starts to consume; it may take as long as a dependency takes to come up."""
        self.start_hooks.append(hook)

    def on_stop(self, hook: Hook) -> None:
        """Call `hook` when fetching has stopped and agents are still there, so that what is in hand becomes durable
        and acknowledged. All hooks together have a few seconds; whatever they do not manage is done again after the
        restart.
        """
        self.stop_hooks.append(hook)
