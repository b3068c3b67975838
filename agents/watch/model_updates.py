"""Keeps `context.models` at the champions: follows the `models` topic, loads, probes, and swaps one reference.

The table `serving` says what is served when the worker starts; the compacted topic, read whole and without a group by
every worker, says it from then on. A version is fetched by checksum and must score its stored rows as recorded before
it serves; while it can't be had or doesn't, the old one goes on, the failure is counted, and it is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from agents.worker.context import Context
from agents.worker.serving_models import Served
from infra.backoff import Backoff
from infra.mlflow.model_cache import ModelFiles
from infra.store import training as store
from infra.store.database import Database
from infra.store.training import ServedModel
from models.errors import Rejected, Unavailable
from models.names import Metric, Topic
from models.service_model.model import ModelUnusable
from models.training.announcement import Announced, parse_announcement

log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
"""A version that can't be loaded is tried again this often: a restored file or server is used within a minute."""

POLL_MS: Final = 1000


@dataclass(slots=True)
class _Wanted:
    """What a service should serve, and when to try again after a failure."""

    model: Announced
    waits: Backoff = field(default_factory=lambda: Backoff(FIRST_RETRY_S, LONGEST_RETRY_S))
    not_before_steady_s: float = -math.inf


class ModelUpdates:
    """What each service should serve, and the loading of what it does not serve yet."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._files = ModelFiles(settings.home / "models", settings.mlflow_url)
        self._wanted: dict[str, _Wanted] = {}
        self._steady_s = context.clock.steady_s
        self._changed = asyncio.Event()
        self._consumer: AIOKafkaConsumer | None = None
        self._failures = Counter(
            Metric.MODEL_LOAD_FAILURES.value.removesuffix("_total"),
            "Failed attempts to load an announced model version.",
            ["service"],
            registry=context.registry,
        )
        self._info = Gauge(
            Metric.MODEL_INFO.value,
            "1 for the model version that this worker serves.",
            ["service", "version"],
            registry=context.registry,
        )

    async def prepare(self) -> None:
        """Load what the database says is served; one attempt each, the rest is tried again beside the stream."""
        served = await self._context.dependencies.until_available(
            "postgresql", lambda: self._context.run(read_serving, self._context.database)
        )
        for model in served:
            self.want(Announced(model.service, model.version, model.sha256, model.artifact, model.promoted_ns))
        await self.load_due()

    def want(self, announced: Announced) -> None:
        """Serve this from now on, unless a later announcement is known; a repeat changes nothing."""
        known = self._wanted.get(announced.service)
        if announced.wins_over(None if known is None else known.model):
            self._wanted[announced.service] = _Wanted(announced)
            self._changed.set()

    def announced(self, values: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Take in records of the `models` topic: (key, value), oldest first; a value of None withdraws the model."""
        for key, value in values:
            if value is None:
                self._withdraw((key or b"").decode(errors="replace"))
                continue
            try:
                announced = parse_announcement(value)
            except Rejected as error:
                log.error("a record of models is no announcement: %s", error)
                continue
            if announced is not None:
                self.want(announced)

    async def serve(self) -> None:
        """Load whatever is announced, until cancelled."""
        while True:
            self._changed.clear()
            pause_s = await self.load_due()
            try:
                await asyncio.wait_for(self._changed.wait(), pause_s)
            except TimeoutError:
                continue

    async def load_due(self) -> float | None:
        """Load every wanted version that is not served and whose wait is over; seconds until the next one is due."""
        for service, wanted in list(self._wanted.items()):
            model = wanted.model
            if self._is_served(model) or wanted.not_before_steady_s > self._steady_s():
                continue
            try:
                loaded = await self._context.run(self._files.load, model.version, model.artifact, model.sha256)
            except (ModelUnusable, Unavailable) as error:
                wanted.not_before_steady_s = self._steady_s() + wanted.waits.next_s()
                self._failures.labels(service).inc()
                log.error("%s stays without version %s: %s", service, model.version, error)
                continue
            if self._wanted.get(service) is wanted:
                self._swap(service, Served(model.version, model.sha256, model.artifact, loaded))
        steady_s = self._steady_s()
        waits = [w.not_before_steady_s - steady_s for w in self._wanted.values() if not self._is_served(w.model)]
        return max(min(waits), 0.0) if waits else None

    async def follow(self) -> None:
        """Read the topic from its start, and on, until cancelled."""
        try:
            while True:  # one fetch a call: a call that lasts counts as a broker that hangs
                await self._context.dependencies.until_available("kafka", self._read)
        finally:
            await self._leave()

    async def _read(self) -> None:
        try:
            if self._consumer is None:
                self._consumer = AIOKafkaConsumer(
                    self._context.settings.topic(Topic.MODELS),
                    bootstrap_servers=self._context.settings.kafka,
                    group_id=None,
                    auto_offset_reset="earliest",
                    enable_auto_commit=False,
                )
                await self._consumer.start()
            fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError as error:
            await self._leave()
            raise Unavailable("Kafka", str(error) or type(error).__name__) from error
        for records in fetched.values():
            self.announced((record.key, record.value) for record in records)

    async def _leave(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    def _is_served(self, model: Announced) -> bool:
        served = self._context.models.current.get(model.service)
        return served is not None and (served.version, served.sha256) == (model.version, model.sha256)

    def _swap(self, service: str, served: Served) -> None:
        self._forget(service)
        self._context.models.put(service, served)
        self._info.labels(service, served.version).set(1)
        log.info("%s serves version %s", service, served.version)

    def _withdraw(self, service: str) -> None:
        if self._wanted.pop(service, None) is not None:
            self._forget(service)
            self._context.models.remove(service)

    def _forget(self, service: str) -> None:
        before = self._context.models.current.get(service)
        if before is not None:
            self._info.remove(service, before.version)


def read_serving(database: Database) -> list[ServedModel]:
    """What every service serves, as the database has it. Raises `Unavailable`."""
    with database.transaction() as cursor:
        return store.serving(cursor)


def attach(app: faust.App, context: Context) -> None:
    """Let the worker keep `context.models` at the champions."""
    updates = ModelUpdates(context)
    context.on_start(updates.prepare)

    @app.task  # type: ignore[untyped-decorator]
    async def follow_models() -> None:
        await updates.follow()

    @app.task  # type: ignore[untyped-decorator]
    async def load_models() -> None:
        await updates.serve()
