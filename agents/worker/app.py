"""The Faust app of a worker, and which modules make up a role."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Final

import faust
from mode.supervisors import CrashingSupervisor

from agents.kafka.transport import FETCH_MAX_BYTES, Transport, identify_topics
from agents.worker.context import Context
from agents.worker.roles import ROLES
from infra.settings import Settings
from models.errors import Misconfigured

COMMIT_INTERVAL_S: Final = 1.0
"""How old an acknowledgement may get before Kafka hears of it: what ingest repeats after `kill -9`."""

QUEUED_BATCHES: Final = 1000
"""Batches an agent's queue can hold. Never reached: the consumer lets `WAITING_BATCHES` wait for each partition."""

SESSION_TIMEOUT_S: Final = 6.0
"""When the group gives a dead worker's partitions to another: the least that brokers allow by default. The consumer's
own thread sends the heartbeats, four in this time."""


METADATA_AGE_MS: Final = 5_000
"""How old the consumer's list of partitions may get: a topic that was deleted and made anew is read again within it."""


def build(settings: Settings) -> faust.App:
    """The worker's app: our transport, raw values, nothing but Kafka consuming. Call it inside the event loop.

    Raises:
        Misconfigured: no Kafka address.
    """
    settings.require("kafka")
    settings.home.mkdir(parents=True, exist_ok=True)  # Faust makes its folder inside, and only that
    app = faust.App(
        settings.group,
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.split(",")],
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        datadir=str(settings.home / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        agent_supervisor=CrashingSupervisor,  # an agent that raises ends the worker; its supervisor starts it again
        stream_wait_empty=False,  # what is not acknowledged is delivered again; nobody waits for it
        stream_buffer_maxsize=QUEUED_BATCHES,
        stream_recovery_delay=0.0,  # there are no tables to recover
        table_standby_replicas=0,  # round robin: workers of one group may run different agents
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=SESSION_TIMEOUT_S / 4,
        broker_rebalance_timeout=2 * SESSION_TIMEOUT_S,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_AGE_MS,
        consumer_max_fetch_size=FETCH_MAX_BYTES,
        worker_redirect_stdouts=False,
    )
    app.transport = Transport(app.conf.broker_consumer, app, batch_max_records=settings.batch_max_records)
    return app


def attach(app: faust.App, context: Context, roles: Iterable[str]) -> None:
    """Import the modules of `roles` and attach each to the app; raises `Misconfigured` for an unknown role."""
    identify_topics(app, context.topic_ids)
    for role in roles:
        if role not in ROLES:
            raise Misconfigured(f"no agent is called {role!r}; there are {', '.join(ROLES)}")
        for name in ROLES[role]:
            importlib.import_module(name).attach(app, context)
