"""The life of one worker process: connect, attach roles, consume, stop cleanly or die loudly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import faust
import uvloop
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from agents.kafka.faust_seams import crash_of
from agents.kafka.lag import LagCollector
from agents.kafka.transport import waits_for
from agents.worker.app import attach, build
from agents.worker.context import Context, Hook
from agents.worker.endpoints import Endpoints
from agents.worker.free_memory import hand_back, let_go_of_compiler
from agents.worker.libraries import tell
from agents.worker.log_lines import log_to_stderr
from agents.worker.readiness import Pulse, Stage, WorkerReadiness
from agents.worker.retry import Dependencies
from infra.clock import Clock, SystemClock
from infra.health import HealthFile
from infra.kafka.admin import create_topics
from infra.kafka.identity import ClusterIds
from infra.kafka.repair import refuse
from infra.settings import Settings
from infra.store import progress
from infra.store.database import Database

log = logging.getLogger(__name__)

THREADS: Final = 8
"""Blocking calls at once (database, lake, folds): one for each partition of a small worker, and a few that wait on
disks."""

STOP_HOOKS_S: Final = 2.5
STOP_APP_S: Final = 2.5
"""Together the five seconds in which a worker should be gone after SIGTERM."""

LOOK_READY_S: Final = 0.1

COLLECT_AFTER: Final = (100_000, 20, 50)
"""Objects made, and collections of the younger generations, between two garbage collections. A micro-batch makes tens
of thousands of objects that form no cycles: with Python's 700, collecting takes a third of the time that events
take."""

EXIT_CLEAN: Final = 0
EXIT_CRASHED: Final = 1


def run(settings: Settings, roles: Sequence[str]) -> int:
    """Run a worker until a signal or a crash ends it; its exit code.

    Raises:
        Misconfigured: an address is missing, or a role is unknown.
    """
    settings.require("kafka", "database_url")
    log_to_stderr(settings.log_level)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # the consumer's thread makes a loop of its own
    code, hung = asyncio.run(_serve(settings, roles))
    if hung:  # a thread does not end; everything durable is durable, and waiting for it would only delay the restart
        logging.shutdown()
        os._exit(code or EXIT_CRASHED)
    return code


async def _serve(settings: Settings, roles: Sequence[str]) -> tuple[int, bool]:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    registry = _registry()
    database = Database(settings.database_url.get_secret_value())
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="worker")
    clock = SystemClock()
    context = Context(settings, database, registry, threads, Dependencies(registry, clock.steady_s), clock)
    tell(registry)
    app = build(settings)
    attach(app, context, roles)
    registry.register(LagCollector(app))
    readiness = WorkerReadiness(context.dependencies.waiting, lambda: waits_for(app, clock.steady_s()))
    pulse = Pulse(clock.steady_s)
    endpoints = Endpoints(settings.metrics_host, settings.metrics_port, registry, readiness, pulse)
    health_file = HealthFile(settings.health_file, clock)
    beside = [asyncio.create_task(pulse.beat()), asyncio.create_task(_say_when_ready(readiness, clock))]
    try:
        health_file.ask_at(settings.metrics_host, endpoints.port, "/ready")
        if not await _until(stop, _prepare(context, readiness)):
            return EXIT_CLEAN, False
        _settle_memory()
        log.info("worker starts: %s; metrics on port %s", ", ".join(roles), endpoints.port)
        tidying = asyncio.create_task(hand_back(context))
        try:
            return await _consume(app, context, readiness, stop)
        finally:
            tidying.cancel()
    finally:
        for task in beside:
            task.cancel()
        health_file.remove()
        endpoints.close()
        threads.shutdown(wait=False, cancel_futures=True)
        database.close()


async def _say_when_ready(readiness: WorkerReadiness, clock: Clock) -> None:
    """The log says once how long the worker took before it read."""
    began_s = clock.steady_s()
    while readiness.waits_for():
        await asyncio.sleep(LOOK_READY_S)
    log.info("worker reads, %.1f s after it began to connect", clock.steady_s() - began_s)


def _settle_memory() -> None:
    """Let go of what only starting needed, and look through the rest no more."""
    let_go_of_compiler()
    gc.collect()
    gc.freeze()  # modules and compiled code stay: no need to look through them again and again
    gc.set_threshold(*COLLECT_AFTER)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


async def _prepare(context: Context, readiness: WorkerReadiness) -> None:
    """Wait for the dependencies that nothing can start without, then let the roles prepare."""

    def connect_and_migrate() -> None:
        context.database.connection()
        context.database.migrate()

    async def migrate() -> None:
        await context.run(connect_and_migrate)

    def refuse_other_clusters(ids: ClusterIds) -> None:
        with context.database.transaction() as cursor:
            refuse(progress.every_partition(cursor), ids)

    async def create() -> None:
        for name in await create_topics(context.settings):
            log.info("created topic %s", name)

    readiness.stage = Stage.POSTGRESQL
    await context.dependencies.until_available("postgresql", migrate)
    readiness.stage = Stage.KAFKA
    await context.dependencies.until_available("kafka", create)
    ids = await context.dependencies.until_available("kafka", context.topic_ids.ask)
    await context.dependencies.until_available("postgresql", lambda: context.run(refuse_other_clusters, ids))
    readiness.stage = Stage.COMPILED_LOOPS  # what the roles prepare: loading them, or compiling them for minutes
    for hook in context.start_hooks:
        await hook()


async def _until(stop: asyncio.Event, work: Coroutine[object, object, None]) -> bool:
    """Whether `work` finished before `stop` was set; raises what it raises, cancels it when stopped."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return False
    task.result()
    return True


async def _consume(
    app: faust.App, context: Context, readiness: WorkerReadiness, stop: asyncio.Event
) -> tuple[int, bool]:
    """Run the app until told to stop, or until something in it crashed; (exit code, whether it hung while stopping)."""
    app.on_before_shutdown.connect(_hooks(context.stop_hooks), weak=False)
    try:
        if await _until(stop, _start_and_watch(app, readiness)):
            log.critical("worker crashed: %r", app.crash_reason, exc_info=app.crash_reason)
            code = EXIT_CRASHED
        else:
            code = EXIT_CLEAN
    except Exception:  # the outermost loop of the process
        log.critical("worker could not start", exc_info=True)
        code = EXIT_CRASHED
    readiness.stage = Stage.END
    try:
        await asyncio.wait_for(app.stop(), STOP_HOOKS_S + STOP_APP_S)
    except TimeoutError:
        log.error("something did not stop in time")
        return code or EXIT_CRASHED, True
    return code, False


async def _start_and_watch(app: faust.App, readiness: WorkerReadiness) -> None:
    readiness.stage = Stage.CONSUMER
    await app.start()
    readiness.stage = Stage.RUNNING
    await crash_of(app)


def _hooks(hooks: Sequence[Hook]) -> Callable[..., Awaitable[None]]:
    async def call(*_: object, **__: object) -> None:
        try:
            await asyncio.wait_for(asyncio.gather(*(hook() for hook in hooks)), STOP_HOOKS_S)
        except TimeoutError:
            log.warning("not everything in hand became durable before the end; it is done again after the restart")

    return call
