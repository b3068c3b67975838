"""Records are acknowledged or counted as failed; a broker that is away is told at once."""

from __future__ import annotations

import pytest
from kafka import KafkaConsumer
from kafka.errors import KafkaTimeoutError
from kafka.future import Future

from infra.kafka.admin import create_topics_blocking
from infra.kafka.record_publisher import RecordPublisher
from infra.settings import load
from models.errors import Misconfigured, Unavailable
from models.names import Topic

pytestmark = pytest.mark.integration


def test_records_arrive_with_their_keys_and_are_counted(kafka: str, topic_prefix: str) -> None:
    settings = load(kafka=kafka, topic_prefix=topic_prefix)
    create_topics_blocking(settings)
    topic = settings.topic(Topic.METRICS)
    with RecordPublisher(kafka, topic) as publisher:
        publisher.send(b"key", b"body", samples=3)
        publisher.send(None, b"alone")
    assert (publisher.samples, publisher.failed, publisher.waiting) == (4, 0, 0)
    consumer = KafkaConsumer(topic, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    found: list[tuple[bytes | None, bytes]] = []
    try:
        while len(found) < 2:
            for records in consumer.poll(timeout_ms=500).values():
                found += [(record.key, record.value) for record in records]
    finally:
        consumer.close()
    assert set(found) == {(b"key", b"body"), (None, b"alone")}


def test_a_record_that_fails_is_counted_and_told(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Future:
        raise KafkaTimeoutError("no metadata")

    publisher = RecordPublisher(kafka, f"{topic_prefix}letters")
    monkeypatch.setattr(publisher.producer, "send", fail)
    publisher.send(None, b"lost", samples=2)
    with pytest.raises(Unavailable, match="2 samples not delivered"):
        publisher.flush()
    assert (publisher.samples, publisher.failed, publisher.waiting) == (0, 2, 0)
    publisher.close()


@pytest.mark.parametrize(("servers", "error"), [("127.0.0.1:1", Unavailable), ("nowhere", Misconfigured)])
def test_no_broker_is_told_at_once(servers: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        RecordPublisher(servers, "letters")
