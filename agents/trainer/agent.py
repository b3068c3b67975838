"""The trainer agent: requests for models from `retrain` to a judged, registered and announced version.

1. store the batch's requests in the table `training` (a repeat is recognised by its id);
2. acknowledge: from here on the table is the queue, and a request in it survives everything;
3. beside the stream, work off the table (`agents/trainer/queue.py`): a process trains and writes to MLflow, then one
   transaction holds the outcome, what is served and the announcement on its way to `models`.

A death in 3 leaves the request open. Whoever takes it next finds the version that the first attempt registered, or
trains again from the same seed; the champion alias points to one version at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import faust

from agents.kafka.micro_batch import micro_batches
from agents.trainer.queue import TrainingQueue
from agents.worker.context import Context
from infra.backoff import Backoff
from infra.http import HttpClient
from infra.packages import require_packages
from infra.store import training as store
from infra.store.database import Database
from infra.training.process import TrainingProcess
from models.errors import Unavailable
from models.names import Topic
from models.records import RetrainEvent
from models.training.request_record import parse_requests

log = logging.getLogger(__name__)

LONGEST_WAIT_S: Final = 30.0
"""Between two attempts while something is away: an attempt may cost the seconds that importing MLflow takes."""

LOOK_S: Final = 2.0
"""How often the table is looked at when nothing wakes us: requests that other workers took, waits that are over."""

PROBE_TIMEOUT_S: Final = 5.0
"""A tracking server with one worker may be busy with another request for this long."""

PROBE_EVERY_S: Final = 30.0
"""How late `tidewatch_dependency_up` may say that MLflow is away while nobody trains."""

COMPACT_EVERY_S: Final = 120.0
"""A lake written every 5 s has 24 new files a service and partition by then."""


def store_requests(database: Database, events: list[RetrainEvent]) -> int:
    """Store requests in a transaction of their own; how many were new. Raises `Unavailable`."""
    with database.transaction() as cursor:
        return store.ask(cursor, events)


class Trainer:
    """Works off the table until cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._process = TrainingProcess()
        self._probe = partial(probe_mlflow, context.settings.mlflow_url)
        self._queue = TrainingQueue(
            context.settings,
            context.database,
            self._process,
            self._probe,
            registry=context.registry,
            clock=context.clock,
        )
        # its own thread: a training takes minutes, and holds its service's lock by this thread's connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="trainer")
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something new in the table."""
        self._wake.set()

    async def serve(self) -> None:
        """Train whatever is due, one request at a time; it stays open while something it needs is away."""
        waits = Backoff(LOOK_S, LONGEST_WAIT_S)
        while True:
            self._wake.clear()
            try:
                while await asyncio.wrap_future(self._thread.submit(self._queue.turn)):
                    waits.reset()
            except Unavailable as error:
                log.warning("%s; the request stays open", error)
                await asyncio.sleep(waits.next_s())
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_S)

    async def watch_mlflow(self) -> None:
        """Keep saying whether MLflow answers, whether or not anything is trained."""
        while True:
            await self._context.dependencies.until_available("mlflow", lambda: self._context.run(self._probe))
            await asyncio.sleep(PROBE_EVERY_S)

    async def compact(self) -> None:
        """Keep the lake's folders small, in a process now and then."""
        path = self._context.settings.lake_path
        while True:
            await asyncio.sleep(COMPACT_EVERY_S)
            process = await asyncio.create_subprocess_exec(sys.executable, "-m", "infra.lake.compaction", path)
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()

    async def stop(self) -> None:
        """End a training that runs; its request stays open."""
        self._process.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)


def probe_mlflow(address: str) -> None:
    """Raise `Unavailable` unless a tracking server answers; a backend store is asked by the training itself.

    A training costs seconds before it finds MLflow away; this costs nothing.
    """
    if not address.startswith(("http://", "https://")):
        return
    client = HttpClient("MLflow", timeout_s=PROBE_TIMEOUT_S, follow_redirects=True, through_proxy=True)
    answer = client.get(f"{address.rstrip('/')}/health")
    if not answer.ok:
        raise Unavailable("MLflow", f"{address} answers {answer.status}")


def attach(app: faust.App, context: Context) -> None:
    """Let the worker take requests for models, and train. Raises `Misconfigured` without an address of MLflow or
    the packages that a training needs."""
    context.settings.require("mlflow_url")
    require_packages("sklearn", "river")
    topic = app.topic(context.settings.topic(Topic.RETRAIN), key_serializer="raw", value_serializer="raw")
    trainer = Trainer(context)
    context.on_stop(trainer.stop)

    @app.agent(topic, name="trainer")
    async def take(stream: Any) -> None:
        async for batch in micro_batches(stream):
            events, rejected = parse_requests(record.value for record in batch.records)
            for error in rejected:
                log.error("a record of retrain is no request: %s", error)

            async def keep(events: list[RetrainEvent] = events) -> int:
                return await context.run(store_requests, context.database, events)

            await context.dependencies.until_available("postgresql", keep)
            batch.ack()
            trainer.wake()

    @app.task  # type: ignore[untyped-decorator]
    async def train() -> None:
        await trainer.serve()

    @app.task  # type: ignore[untyped-decorator]
    async def watch_mlflow() -> None:
        await trainer.watch_mlflow()

    @app.task  # type: ignore[untyped-decorator]
    async def compact() -> None:
        await trainer.compact()
