"""A real Alertmanager with a webhook for on-call, and alerts to send: what the tests of alert delivery share."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from agents.notify.sender import AlertMetrics, AlertSender
from agents.worker.retry import Dependencies
from infra.alerting.alertmanager import Alertmanager
from infra.alerting.webhook import Notification, Received, WebhookReceiver
from infra.clock import SystemClock
from infra.local.services.alertmanager import AlertmanagerService as LocalAlertmanager
from infra.settings import Settings
from infra.store.database import Database
from models.alerting.alert import alert_event
from models.errors import Misconfigured
from models.names import AlertName, Annotation, Severity
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent

DEADLINE_S = 30.0
SECOND_NS = 1_000_000_000


class QuickAlertmanager(LocalAlertmanager):
    """Our configuration, with waits that suit a test."""

    def prepare(self) -> None:
        super().prepare()
        configuration = self.home / "alertmanager" / "alertmanager.yml"
        text = configuration.read_text()
        for name, value in {"group_wait": "100ms", "group_interval": "400ms", "repeat_interval": "1h"}.items():
            text = re.sub(rf"{name}: \w+", f"{name}: {value}", text)
        configuration.write_text(text)


class OnCall:
    """An Alertmanager that can be stopped and started again at the same address, with its data, and its webhook."""

    def __init__(self, home: Path) -> None:
        self.webhook = WebhookReceiver(time.time)
        try:
            self._alertmanager = QuickAlertmanager(home, self.webhook.url, wanted_port=0)
        except Misconfigured as error:
            self.webhook.close()
            pytest.skip(str(error))

    @property
    def url(self) -> str:
        return self._alertmanager.url

    def start(self) -> None:
        """Start it, or start it again with the data it has; returns when it takes alerts."""
        self._alertmanager.start()

    def stop(self) -> None:
        """End it as a service manager would: it saves its notification log."""
        self._alertmanager.stop()

    def close(self) -> None:
        self.stop()
        self.webhook.close()

    def notified(self, state: AlertState, name: AlertName, **labels: str) -> list[Received]:
        """Notifications that carry such an alert in this state."""
        return [item for item in self.webhook.received if carries(item.notification, state, name, **labels)]

    async def wait_notified(self, state: AlertState, name: AlertName, **labels: str) -> Received:
        """The first such notification; fails when none arrives."""
        found = await asyncio.to_thread(
            self.webhook.wait_for, lambda notification: carries(notification, state, name, **labels), DEADLINE_S
        )
        assert found is not None, f"no notification that {name} {labels} is {state}; got {self.webhook.received}"
        return found

    async def wait_noted(self) -> None:
        """Wait until Alertmanager has noted whom it notified. It does so once the webhook has answered, which is after
        the notification is here; when it flushes its two groups the next time, page and watchdog, it is done."""
        answers = 'alertmanager_notification_latency_seconds_count{integration="webhook"}'
        await self._wait_counted(answers, len(self.webhook.received))
        flushes = "alertmanager_nflog_queries_total"
        await self._wait_counted(flushes, await asyncio.to_thread(self._counted, flushes) + 3)

    async def _wait_counted(self, sample: str, wanted: float) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while (counted := await asyncio.to_thread(self._counted, sample)) < wanted:
            assert time.monotonic() < deadline, f"{sample} stays {counted}"
            await asyncio.sleep(0.02)

    def _counted(self, sample: str) -> float:
        """A figure that Alertmanager shows about itself, by its name with labels."""
        lines = httpx.get(f"{self.url}/metrics", trust_env=False).text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} "))


def carries(notification: Notification, state: AlertState, name: AlertName, **labels: str) -> bool:
    wanted = {"alertname": name.value, **labels}
    return any(a.status == state.value and wanted.items() <= a.labels.items() for a in notification.alerts)


@contextlib.contextmanager
def on_call(home: Path) -> Iterator[OnCall]:
    """An `OnCall` that does not run yet; stopped at the end."""
    created = OnCall(home)
    try:
        yield created
    finally:
        created.close()


def transition(
    state: AlertState,
    *,
    name: AlertName = AlertName.SLO_BURN_RATE,
    service: str = "checkout",
    severity: Severity = Severity.PAGE,
    starts_at_ns: int,
    lasted_s: float = 1.0,
    entity: str | None = None,
    summary: str = "the error budget burns",
) -> AlertEvent:
    """A transition as an agent decides it."""
    resolved = state is AlertState.RESOLVED
    return alert_event(
        name,
        service=service,
        severity=severity,
        state=state,
        decision=AlertDecision.RESOLVED if resolved else AlertDecision.FIRED,
        starts_at_ns=starts_at_ns,
        ends_at_ns=starts_at_ns + int(lasted_s * SECOND_NS) if resolved else None,
        entity=entity,
        annotations={Annotation.SUMMARY: summary, Annotation.CAUSES: "latency_ms 71 %, error_ratio 29 %"},
    )


class Sending:
    """A running sender and what it shows on `/metrics`."""

    def __init__(self, task: asyncio.Task[None], registry: CollectorRegistry) -> None:
        self._task = task
        self.registry = registry

    async def stop(self) -> None:
        """End it as a worker that is told to stop does."""
        assert not self._task.done() or self._task.cancelled(), self._task.exception()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def value(self, metric: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(metric, labels)

    async def wait_value(self, wanted: Callable[[float | None], bool], metric: str, **labels: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not wanted(self.value(metric, **labels)):
            assert time.monotonic() < deadline, f"{metric}{labels} stays {self.value(metric, **labels)}"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def sending(alertmanager_url: str, postgres_url: str, *, resend_s: float = 0.3) -> AsyncIterator[Sending]:
    """A sender with a database connection of its own, as in a worker of its own."""
    registry = CollectorRegistry()
    database = Database(postgres_url)
    settings = Settings(alertmanager_url=alertmanager_url, alert_resend_s=resend_s)
    sender = AlertSender(
        settings,
        database,
        Dependencies(registry, SystemClock().steady_s),
        Alertmanager(alertmanager_url),
        AlertMetrics(registry),
        clock=SystemClock(),
    )
    worker = Sending(asyncio.create_task(sender.serve()), registry)
    try:
        yield worker
    finally:
        await worker.stop()
        database.close()
