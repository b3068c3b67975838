"""What Alertmanager delivers while `tidewatch up` runs can be read in a file."""

from __future__ import annotations

import json
import urllib.request
from contextlib import closing
from pathlib import Path

from infra.local.inbox import Inbox


def alert(name: str, status: str) -> dict[str, object]:
    return {
        "status": status,
        "labels": {"alertname": name, "service": "checkout"},
        "annotations": {"summary": "checkout burns its budget"},
        "startsAt": "2026-11-20T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f00",
    }


def test_every_alert_but_the_watchdog_becomes_a_line(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "notifications.log"
    notification = {
        "receiver": "page",
        "status": "firing",
        "groupLabels": {},
        "alerts": [alert("SLOBurnRate", "firing"), alert("Watchdog", "firing"), alert("MetricAnomaly", "resolved")],
    }
    with closing(Inbox(log)) as inbox:
        request = urllib.request.Request(f"{inbox.url}/page", data=json.dumps(notification).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as response:
            assert response.status == 200
    lines = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert lines == [
        "firing   page    SLOBurnRate checkout: checkout burns its budget",
        "resolved page    MetricAnomaly checkout: checkout burns its budget",
    ]
