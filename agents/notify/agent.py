"""The notify agent: keeps the table `alert` at the newest transition of every alert on the `alerts` topic.

1. decode the batch; what is no alert is logged, counted and left out;
2. one transaction: the alerts' newest states, and a notification to the sender (`agents/notify/sender.py`), which posts
   them within milliseconds; what waits for Alertmanager waits in this table;
3. acknowledge.

A repeat changes nothing: a transition is stored only if it is later than the one that is there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import faust

from agents.kafka.micro_batch import micro_batches
from agents.notify.sender import AlertMetrics, AlertSender
from agents.worker.context import Context
from infra.alerting.alertmanager import Alertmanager
from infra.store import alerts
from infra.store.database import Database
from models.alerting.alert_record import parse_alerts
from models.names import Topic
from models.reasons import SendOutcome
from models.records import AlertEvent

log = logging.getLogger(__name__)


def store_alerts(database: Database, events: Sequence[AlertEvent]) -> int:
    """Store transitions in a transaction of their own; how many alerts changed. Raises `Unavailable`."""
    with database.transaction() as cursor:
        return alerts.store(cursor, events)


def attach(app: faust.App, context: Context) -> None:
    """Let the worker take alerts from Kafka and, when no other worker does, send them to Alertmanager.

    Raises:
        Misconfigured: no usable address of Alertmanager.
    """
    context.settings.require("alertmanager_url")
    metrics = AlertMetrics(context.registry)
    client = Alertmanager(context.settings.alertmanager_url)
    sender = AlertSender(context.settings, context.database, context.dependencies, client, metrics, clock=context.clock)
    topic = app.topic(context.settings.topic(Topic.ALERTS), key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name="notify")
    async def notify(stream: Any) -> None:
        async for batch in micro_batches(stream):
            events, rejected = parse_alerts(record.value for record in batch.records)
            for error in rejected:
                log.error("a record of %s:%s is no alert: %s", batch.topic, batch.partition, error)
            metrics.count(SendOutcome.REFUSED, len(rejected))

            async def store(events: list[AlertEvent] = events) -> int:
                return await context.run(store_alerts, context.database, events)

            await context.dependencies.until_available("postgresql", store)
            batch.ack()

    @app.task  # type: ignore[untyped-decorator]
    async def send_alerts() -> None:
        await sender.serve()
