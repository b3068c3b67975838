"""The one sender of alerts to Alertmanager: posts changes at once and says again, steadily, what holds.

One worker at a time sends (an advisory lock), so that a renewal can't overtake the resolve that another worker posts.
What it sends it reads from the table `alert` right before, so whatever waited while Alertmanager was down goes out as
it is now. Only while PostgreSQL does not answer it goes on from memory with what fired last: an outage of ours is no
reason to tell on-call that theirs is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NoReturn, ParamSpec, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from agents.worker.retry import Dependencies
from agents.worker.solo import Solo
from infra.alerting.alertmanager import Alertmanager, PostedAlert, Refused, posted_alert
from infra.clock import Clock
from infra.settings import Settings
from infra.store import alerts, pg_channels
from infra.store.alerts import StoredAlert
from infra.store.database import Database
from models.alerting.alert import fingerprint
from models.errors import Misconfigured, Unavailable
from models.names import AlertLabel, AlertName, Annotation, Metric, Severity
from models.reasons import AlertState, SendOutcome
from models.timestamps import to_datetime

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

LOCK: Final = "tidewatch-alert-sender"

HOLD_INTERVALS: Final = 4
"""`endsAt` of a firing alert is this many resend intervals ahead: three renewals may fail before it resolves by itself.
Prometheus uses the same four."""

POLL_S: Final = 1.0
"""Longest rest between two looks at the table. A stored change wakes the sender at once; this is for a notification
lost with its connection, and bounds how long closing takes."""

FROM_MEMORY_S: Final = 900.0
"""How long alerts are renewed from memory. PostgreSQL is back in minutes; a worker that alone lost it for longer would
keep alive what the next sender resolved."""

POST_ALERTS: Final = 2000
"""Alerts of one request, about 2 MB; nearly always all of them."""


class AlertMetrics:
    """What the sender shows on `/metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.active = Gauge(
            Metric.ALERTS_ACTIVE.value,
            "Alerts that fire, as the sending worker sees them.",
            [AlertLabel.SERVICE.value, AlertLabel.SEVERITY.value],
            registry=registry,
        )
        self.sent = Counter(
            Metric.ALERTS_SENT.value.removesuffix("_total"),
            "Alerts posted to Alertmanager, renewals included, by what became of them.",
            ["outcome"],
            registry=registry,
        )
        for outcome in SendOutcome:
            self.sent.labels(outcome.value)

    def count(self, outcome: SendOutcome, number: int) -> None:
        self.sent.labels(outcome.value).inc(number)

    def show_firing(self, numbers: dict[tuple[str, str], int]) -> None:
        """Replace the active alerts by these, keyed by (service, severity)."""
        self.active.clear()
        for key, number in numbers.items():
            self.active.labels(*key).set(number)


class AlertSender:
    """Sends while `serve` runs and the lock is ours.

    Args:
        settings: `alert_resend_s`, `resolve_repeat_s`.
        database: where the alerts are; used from the sender's own thread only.
        dependencies: waits out outages of PostgreSQL and Alertmanager.
        client: of the Alertmanager to send to.
        clock: the wall clock, for what alerts say, and the steady one, for when they are renewed.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        dependencies: Dependencies,
        client: Alertmanager,
        metrics: AlertMetrics,
        *,
        clock: Clock,
    ) -> None:
        self._resend_s = settings.alert_resend_s
        self._resolve_repeat_s = settings.resolve_repeat_s
        self._database = database
        self._dependencies = dependencies
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._solo = Solo(database, LOCK)
        self._next_renewal_steady_s = -math.inf
        self._refused: set[str] = set()
        self._watchdog = watchdog(self._now())
        self._firing: dict[str, StoredAlert] = {}  # by fingerprint: what Alertmanager took as firing
        self._renewed_steady_s = -math.inf
        self._one_post = asyncio.Lock()

    async def serve(self) -> None:
        """Send until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._renew_from_memory())
                tasks.create_task(self._solo.repeat(self._turn, while_elsewhere=self._rest))
        finally:
            await self._solo.close()

    def _now(self) -> datetime:
        return to_datetime(self._clock.now_ns())

    def _rest(self) -> None:
        self._metrics.show_firing({})
        self._firing.clear()
        self._next_renewal_steady_s = -math.inf  # whoever takes the lock over says everything again

    async def _renew_from_memory(self) -> NoReturn:
        """While no renewal comes from the table, renew what fired last."""
        while True:
            await asyncio.sleep(self._resend_s)
            async with self._one_post:
                late_s = self._clock.steady_s() - self._renewed_steady_s
                if self._firing and 1.5 * self._resend_s < late_s < FROM_MEMORY_S:
                    with contextlib.suppress(Unavailable, Refused):  # the loop that reads the table tells of those
                        await self._ask([self._as_posted(alert) for alert in self._firing.values()])
                        self._metrics.count(SendOutcome.ACCEPTED, len(self._firing))

    async def _turn(self) -> None:
        await self._in_database(pg_channels.listen, self._database, alerts.CHANNEL)
        await self._dependencies.until_available("alertmanager", self._send_due)
        until_renewal_s = self._next_renewal_steady_s - self._clock.steady_s()
        await self._in_database(pg_channels.wait, self._database, max(0.0, min(POLL_S, until_renewal_s)))

    async def _in_database(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(self._solo.run, function, *args, **kwargs)
        return await self._dependencies.until_available("postgresql", call)

    async def _send_due(self) -> None:
        """Post what changed, or everything when its time has come. Raises `Unavailable` if Alertmanager is."""
        started_steady_s = self._clock.steady_s()
        renewal = started_steady_s >= self._next_renewal_steady_s
        stored = await self._in_database(self._read, renewal)
        stored = [alert for alert in stored if alert.event_id not in self._refused]
        due = [*stored, self._watchdog] if renewal else stored
        for start in range(0, len(due), POST_ALERTS):
            part = due[start : start + POST_ALERTS]
            try:
                async with self._one_post:
                    accepted = await self._post(part)
                    self._renewed_steady_s = started_steady_s if renewal else self._renewed_steady_s
            except Unavailable:
                self._metrics.count(SendOutcome.UNAVAILABLE, len(part))
                self._next_renewal_steady_s = -math.inf  # it forgets alerts when it restarts
                raise
            await self._in_database(self._mark, [alert.event_id for alert in accepted])
        if renewal:
            self._next_renewal_steady_s = started_steady_s + self._resend_s

    def _read(self, renewal: bool) -> list[StoredAlert]:
        with self._database.transaction() as cursor:
            stored = alerts.to_renew(cursor, self._resolve_repeat_s) if renewal else alerts.unaccepted(cursor)
            if stored or renewal:
                self._metrics.show_firing(alerts.count_firing(cursor))
        return stored

    def _mark(self, event_ids: Sequence[str]) -> None:
        with self._database.transaction() as cursor:
            alerts.mark_accepted(cursor, event_ids)

    async def _post(self, due: Sequence[StoredAlert]) -> list[StoredAlert]:
        """Post in one request; when some are refused, one by one to learn which. Those that were accepted."""
        try:
            await self._ask([self._as_posted(alert) for alert in due])
        except Refused as error:
            if len(due) > 1:
                return [accepted for alert in due for accepted in await self._post([alert])]
            log.error("alert %s is not sent: %s", due[0].labels, error)
            self._metrics.count(SendOutcome.REFUSED, 1)
            self._refused.add(due[0].event_id)
            return []
        self._metrics.count(SendOutcome.ACCEPTED, len(due))
        for alert in due:
            if alert.state is AlertState.FIRING:
                self._firing[fingerprint(alert.labels)] = alert
            else:
                self._firing.pop(fingerprint(alert.labels), None)
        return list(due)

    async def _ask(self, posted: Sequence[PostedAlert]) -> None:
        try:
            await self._client.post(posted)
        except Misconfigured as error:
            # the address may lead to something that is not Alertmanager for a while; the rest of the worker goes on
            raise Unavailable("Alertmanager", str(error)) from error

    def _as_posted(self, alert: StoredAlert) -> PostedAlert:
        return posted_alert(
            alert.labels,
            alert.annotations,
            starts_at=alert.starts_at,
            ends_at=alert.ends_at if alert.state is AlertState.RESOLVED else None,
            now=self._now(),
            hold_s=HOLD_INTERVALS * self._resend_s,
        )


def watchdog(now: datetime) -> StoredAlert:
    """The alert that always fires, so that its absence tells that alerts do not get through."""
    return StoredAlert(
        labels={
            AlertLabel.ALERTNAME.value: AlertName.WATCHDOG.value,
            AlertLabel.SERVICE.value: "tidewatch",
            AlertLabel.SEVERITY.value: Severity.INFO.value,
        },
        annotations={
            Annotation.SUMMARY.value: "Alerts of Tidewatch get through",
            Annotation.DESCRIPTION.value: "Always firing. When it stops arriving, the way to on-call is broken.",
        },
        state=AlertState.FIRING,
        starts_at=now,
        ends_at=None,
        event_id=AlertName.WATCHDOG.value,
    )
