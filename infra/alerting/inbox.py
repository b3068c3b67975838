"""A receiver for people who have none yet: what Alertmanager delivers becomes lines of text."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from infra.alerting.webhook import Notification, WebhookReceiver
from models.names import AlertLabel, AlertName, Annotation

PREFERRED_PORT = 9095
"""The one of the webhooks in `alertmanager/alertmanager.yml`."""


class Inbox(WebhookReceiver):
    """Writes a line for every alert of every notification but the ever-firing watchdog's; keeps none in memory.

    Args:
        write: takes the lines of one notification, each with its end of line; called by one thread at a time.
        wall_s: the wall clock, seconds since the epoch, for the time of arrival.
        port, host: to listen on.
    """

    def __init__(
        self,
        write: Callable[[Sequence[str]], None],
        wall_s: Callable[[], float],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self._write = write
        self._writing = threading.Lock()
        super().__init__(wall_s, port=port, host=host)

    def _take(self, body: bytes) -> None:
        arrived = datetime.fromtimestamp(self._wall_s(), UTC)
        lines = lines_of(msgspec.json.decode(body, type=Notification), arrived)
        with self._writing:
            self._write(lines)


def lines_of(notification: Notification, arrived: datetime) -> list[str]:
    """When it came, firing or resolved, for whom, and which alert of which service, with its summary."""
    return [
        f"{arrived:%Y-%m-%dT%H:%M:%SZ} {alert.status:<8} {notification.receiver:<7} "
        f"{alert.labels.get(AlertLabel.ALERTNAME, '')} {alert.labels.get(AlertLabel.SERVICE, '')}: "
        f"{alert.annotations.get(Annotation.SUMMARY, '')}\n"
        for alert in notification.alerts
        if alert.labels.get(AlertLabel.ALERTNAME) != AlertName.WATCHDOG
    ]
