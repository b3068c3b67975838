"""What Alertmanager delivers becomes lines."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

from infra.alerting.inbox import Inbox

ARRIVED = datetime(2026, 11, 20, 10, 0, 5, tzinfo=UTC)


def alert(name: str, status: str) -> dict[str, object]:
    return {
        "status": status,
        "labels": {"alertname": name, "service": "checkout"},
        "annotations": {"summary": "checkout burns its budget"},
        "startsAt": "2026-11-20T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f00",
    }


def test_every_alert_but_the_watchdog_becomes_a_line() -> None:
    notification = {
        "receiver": "page",
        "status": "firing",
        "groupLabels": {},
        "alerts": [alert("SLOBurnRate", "firing"), alert("Watchdog", "firing"), alert("MetricAnomaly", "resolved")],
    }
    written: list[Sequence[str]] = []
    with closing(Inbox(written.append, ARRIVED.timestamp)) as inbox:
        request = urllib.request.Request(f"{inbox.url}/page", data=json.dumps(notification).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as response:
            assert response.status == 200
    assert written == [
        [
            "2026-11-20T10:00:05Z firing   page    SLOBurnRate checkout: checkout burns its budget\n",
            "2026-11-20T10:00:05Z resolved page    MetricAnomaly checkout: checkout burns its budget\n",
        ]
    ]
