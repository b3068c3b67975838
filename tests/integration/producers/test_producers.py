"""What our producers write to a real broker is what ingest's parser takes; no sample is lost without being counted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from infra.kafka.admin import create_topics_blocking
from infra.producers import host, replay
from infra.producers.pace import SystemWaitingClock
from infra.producers.publisher import SamplePublisher
from infra.producers.simulate import LiveSimulation
from infra.settings import load
from models.errors import Misconfigured, Unavailable
from models.names import Topic
from models.parse import Limits, Parsed, Parser
from models.records import SampleColumns
from models.series import EntityRule
from models.synthetic.services import METRICS, SERVICES

pytestmark = pytest.mark.integration
RULE = EntityRule(("service",), ("instance",), "host")
DEADLINE_S = 120.0  # starting a command takes seconds on an idle machine, and ten times that on a busy one


def consumed(kafka: str, topic: str, samples: int) -> Parsed:
    """Everything in the topic once `samples` samples or rejects are there; fails after the deadline."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    values: list[bytes | None] = []
    times: list[int] = []
    deadline = time.monotonic() + DEADLINE_S
    try:
        while True:
            parsed = Parser(Limits(), RULE).parse(values, times, seen_at_ns=time.time_ns())
            if len(parsed.columns) + len(parsed.rejected) >= samples:
                return parsed
            assert time.monotonic() < deadline, f"{len(parsed.columns)} of {samples} samples after {DEADLINE_S} s"
            for records in consumer.poll(timeout_ms=500).values():
                values += [record.value for record in records]
                times += [record.timestamp * 1_000_000 for record in records]
    finally:
        consumer.close()


@pytest.fixture
def topic(kafka: str, topic_prefix: str) -> str:
    settings = load(kafka=kafka, topic_prefix=topic_prefix)
    create_topics_blocking(settings)
    return settings.topic(Topic.METRICS)


@pytest.fixture
def publisher(kafka: str, topic: str) -> Iterator[SamplePublisher]:
    with SamplePublisher.connect(kafka, topic, RULE) as opened:
        yield opened


def test_host_metrics_arrive_without_a_reject(kafka: str, topic: str, publisher: SamplePublisher) -> None:
    published = host.run(host.HostMetrics("box-1"), publisher, SystemWaitingClock(), interval_s=0.2, count=3)
    publisher.flush()
    assert (publisher.samples, publisher.failed, publisher.waiting) == (published, 0, 0)
    parsed = consumed(kafka, topic, published)
    assert parsed.rejected == []
    assert len(parsed.columns) == published


def test_simulated_services_arrive_without_a_reject(kafka: str, topic: str, publisher: SamplePublisher) -> None:
    live = LiveSimulation(
        list(SERVICES.values()), publisher, SystemWaitingClock(), seed=1, interval_s=0.2, backfill_s=60
    )
    published = live.backfill() + live.run(ticks=3)
    publisher.flush()
    assert published == 303 * 10 * len(METRICS) == publisher.samples
    parsed = consumed(kafka, topic, published)
    assert parsed.rejected == []
    assert sorted(parsed.columns.series_ids) == sorted(live.simulation.series_ids)
    assert len(set(parsed.columns.event_time_ns.tolist())) == 303


def test_a_replayed_file_arrives_sample_by_sample(
    kafka: str, topic: str, publisher: SamplePublisher, tmp_path: Path
) -> None:
    values = np.random.default_rng(1).standard_normal(5000)
    start_s = time.time_ns() // 10**9 - 5000
    rows = "\n".join(f"{start_s + n},{value!r}" for n, value in enumerate(values.tolist()))
    path = tmp_path / "a.csv"
    path.write_text(f"timestamp,v\n{rows}\n")
    assert replay.replay(replay.merged(path, RULE), publisher, SystemWaitingClock()) == 5000
    publisher.flush()
    parsed = consumed(kafka, topic, 5000)
    assert parsed.rejected == []
    order = np.argsort(parsed.columns.event_time_ns)
    assert parsed.columns.values[order].tolist() == values.tolist()


ONE = SampleColumns(['m{service="s"}'], np.zeros(1, np.int32), np.zeros(1, np.int64), np.ones(1))


def test_samples_that_could_not_be_delivered_are_counted_and_told(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = SamplePublisher.connect(kafka, topic, RULE)

    def fail(*_: object, **__: object) -> Future:
        return Future().failure(KafkaTimeoutError("expired"))

    with monkeypatch.context() as broken:
        broken.setattr(publisher.producer, "send", fail)
        publisher.publish(ONE)
        with pytest.raises(Unavailable, match="1 samples not delivered"):
            publisher.flush()
    publisher.publish(ONE)
    publisher.flush()
    publisher.close()
    assert (publisher.samples, publisher.failed, publisher.waiting) == (1, 1, 0)


def test_what_is_on_its_way_is_bounded(kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.kafka.record_publisher.MAX_WAITING", 10)
    most = 0
    with SamplePublisher.connect(kafka, topic, RULE) as publisher:
        for _ in range(100):
            publisher.publish(ONE)
            most = max(most, publisher.waiting)
    assert publisher.samples == 100
    assert most <= 10


def test_a_topic_that_is_missing_is_told(kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.kafka.record_publisher.METADATA_TIMEOUT_S", 0.5)
    publisher = SamplePublisher.connect(kafka, f"{topic_prefix}nowhere", RULE)
    publisher.publish(ONE)
    with pytest.raises(Unavailable, match="1 samples not delivered"):
        publisher.flush()
    publisher.close()


def test_nobody_at_the_address_is_told_after_the_patience_asked_for() -> None:
    said: list[str] = []
    with pytest.raises(Unavailable, match=r"no answer from 127\.0\.0\.1:1"):
        SamplePublisher.connect("127.0.0.1:1", "metrics", RULE, patience_s=1.0, say=said.append)
    assert len(said) == 1
    assert "trying again in 0.5 s" in said[0]
    with pytest.raises(Misconfigured, match="write host:port"):
        SamplePublisher("127.0.0.1", "metrics", RULE)


@contextmanager
def tidewatch(kafka: str, prefix: str, home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environment = os.environ | {"TIDEWATCH_KAFKA": kafka, "TIDEWATCH_TOPIC_PREFIX": prefix, "TIDEWATCH_HOME": str(home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli.main", "produce", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def summary_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    summary: dict[str, Any] = json.loads(out)
    return summary


def test_the_command_publishes_history_and_live_ticks_and_says_so(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    arguments = ["simulate", "--services", "checkout", "--backfill", "1m", "--count", "2", "--json"]
    with tidewatch(kafka, topic_prefix, tmp_path, *arguments) as process:
        summary = summary_of(process)
    assert (summary["samples"], summary["failed"]) == (62 * 21, 0)
    assert len(consumed(kafka, f"{topic_prefix}metrics", 62 * 21).columns) == 62 * 21


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_delivers_what_it_read_and_ends_well(
    kafka: str, topic: str, topic_prefix: str, tmp_path: Path, number: signal.Signals
) -> None:
    with tidewatch(kafka, topic_prefix, tmp_path, "host", "--interval", "0.1", "--json") as process:
        consumed(kafka, topic, 30)
        process.send_signal(number)
        summary = summary_of(process)
    assert summary["failed"] == 0
    assert len(consumed(kafka, topic, summary["samples"]).columns) == summary["samples"]
