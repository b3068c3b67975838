"""What a worker answers by HTTP."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Gauge

from agents.worker.endpoints import Endpoints
from agents.worker.readiness import DEAD_AFTER_S, Pulse, Stage, WorkerReadiness


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readiness() -> WorkerReadiness:
    return WorkerReadiness()


@pytest.fixture
def endpoints(clock: Clock, readiness: WorkerReadiness) -> Iterator[Endpoints]:
    registry = CollectorRegistry()
    Gauge("answer", "Of everything.", registry=registry).set(42)
    serving = Endpoints("127.0.0.1", 0, registry, readiness, Pulse(clock))
    yield serving
    serving.close()


def get(endpoints: Endpoints, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{endpoints.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_ready_is_refused_with_what_is_awaited_until_the_worker_reads(
    endpoints: Endpoints, readiness: WorkerReadiness
) -> None:
    readiness.stage = Stage.KAFKA
    code, body = get(endpoints, "/ready")
    assert (code, json.loads(body)) == (503, {"ready": False, "waits_for": ["kafka"]})
    readiness.stage = Stage.RUNNING
    code, body = get(endpoints, "/ready")
    assert (code, json.loads(body)) == (200, {"ready": True, "waits_for": []})


def test_live_is_another_question(endpoints: Endpoints, clock: Clock) -> None:
    assert get(endpoints, "/live") == (200, '{"live":true,"last_beat_s":0.0}\n')
    clock.now_s = DEAD_AFTER_S
    assert get(endpoints, "/live") == (503, '{"live":false,"last_beat_s":60.0}\n')


@pytest.mark.parametrize("path", ["/metrics", "/"])
def test_prometheus_gets_its_metrics(endpoints: Endpoints, path: str) -> None:
    code, body = get(endpoints, path)
    assert code == 200
    assert "answer 42.0" in body
