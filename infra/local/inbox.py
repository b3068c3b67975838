"""Where Alertmanager delivers to while `tidewatch up` runs: a file that people can follow."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from infra.alerting.webhook import Notification, WebhookReceiver
from infra.local.processes.ports import choose_port
from models.names import AlertLabel, AlertName, Annotation

PREFERRED_PORT = 9095
KEPT_BYTES = 5_000_000


class Inbox(WebhookReceiver):
    """Writes a line for every alert of every notification but the ever-firing watchdog's; keeps none in memory."""

    def __init__(self, log: Path) -> None:
        """Listen from now on; a full file is moved aside, the one before it forgotten."""
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._writing = threading.Lock()
        super().__init__(time.time, port=choose_port(PREFERRED_PORT).number)

    def _take(self, body: bytes) -> None:
        notification = msgspec.json.decode(body, type=Notification)
        arrived = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        lines = [
            f"{arrived} {alert.status:<8} {notification.receiver:<7} {alert.labels.get(AlertLabel.ALERTNAME, '')} "
            f"{alert.labels.get(AlertLabel.SERVICE, '')}: {alert.annotations.get(Annotation.SUMMARY, '')}\n"
            for alert in notification.alerts
            if alert.labels.get(AlertLabel.ALERTNAME) != AlertName.WATCHDOG
        ]
        with self._writing:
            if self._log.exists() and self._log.stat().st_size > KEPT_BYTES:
                self._log.replace(self._log.with_suffix(".log.1"))
            with self._log.open("a") as stream:
                stream.writelines(lines)
