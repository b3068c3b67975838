"""The webhook receiver."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest

from infra.alerting.webhook import WebhookReceiver

BODY = {
    "receiver": "page",
    "status": "firing",
    "groupLabels": {"service": "checkout"},
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "SLOBurnRate"},
            "annotations": {"summary": "s"},
            "startsAt": "2026-11-20T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": "f",
        }
    ],
    "version": "4",
}


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    created = WebhookReceiver(lambda: 1234.5)
    yield created
    created.close()


def post(receiver: WebhookReceiver, body: object) -> int:
    return httpx.post(f"{receiver.url}/page", json=body, trust_env=False).status_code


def test_a_notification_is_kept_with_its_arrival_time(receiver: WebhookReceiver) -> None:
    assert post(receiver, BODY) == 200
    (received,) = receiver.received
    assert received.arrived_at_s == 1234.5
    assert received.notification.group_labels == {"service": "checkout"}
    assert received.notification.alerts[0].labels == {"alertname": "SLOBurnRate"}


def test_waiting_ends_when_the_notification_arrives(receiver: WebhookReceiver) -> None:
    sender = threading.Timer(0.05, post, (receiver, BODY))
    sender.start()
    found = receiver.wait_for(lambda notification: notification.receiver == "page", timeout_s=30.0)
    sender.join()
    assert found is not None
    assert found.notification.status == "firing"


def test_waiting_ends_without_result_when_time_is_up(receiver: WebhookReceiver) -> None:
    post(receiver, BODY)
    assert receiver.wait_for(lambda notification: notification.receiver == "ticket", timeout_s=0.01) is None


def test_what_is_no_notification_is_refused(receiver: WebhookReceiver) -> None:
    assert post(receiver, {"hello": 1}) == 400
    assert receiver.received == []
