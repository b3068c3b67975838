"""Dead letters and entities, read from a real broker by the command line."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from infra.cli import main as frame
from infra.kafka.admin import create_topics
from infra.stream.dead_letters import letters, replay
from infra.stream.entities import entities, scores
from models.errors import Unavailable
from models.names import Topic
from tests.integration.faust_app import read_all, settings_for
from tests.unit.stream.test_entities import event


async def put(kafka: str, topic: str, *records: tuple[bytes, dict[str, str]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for body, headers in records:
            pairs = [(name, value.encode()) for name, value in headers.items()]
            await producer.send_and_wait(topic, body, key=b"k", headers=pairs)
    finally:
        await producer.stop()


def refused(reason: str, **more: str) -> dict[str, str]:
    return {
        "reason": reason,
        "detail": f"because of {reason}",
        "topic": "metrics",
        "partition": "0",
        "offset": "7",
    } | more


async def test_letters_are_listed_shown_and_sent_again(
    kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(kafka, topic_prefix)
    await create_topics(settings)
    dead = settings.topic(Topic.DEAD_LETTER)
    await put(
        kafka,
        dead,
        (b'{"metric":"m","value":1,"timestamp":1}', refused("too-old")),
        (b"\x1b[31mred\n", refused("unparsable")),
        (b"beginning", refused("too-large", size="5000000", sha256="00")),
    )
    monkeypatch.setenv("TIDEWATCH_KAFKA", kafka)
    monkeypatch.setenv("TIDEWATCH_TOPIC_PREFIX", topic_prefix)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["tidewatch", "dead-letters", *arguments])
        with pytest.raises(SystemExit) as ended:
            frame.main()
        return int(ended.value.code or 0), capsys.readouterr().out

    code, out = run("list", "--json")
    assert code == 1
    assert sorted(one["reason"] for one in json.loads(out)) == ["too-large", "too-old", "unparsable"]
    code, out = run("list", "--reason", "too-old")
    assert "e.g. because of too-old" in out
    assert "TIDEWATCH_MAX_AGE_S" in out
    code, out = run("show", "--reason", "unparsable")
    assert code == 0
    assert "\x1b" not in out
    assert run("list", "--reason", "rust")[0] == 2
    assert run("replay", "--dry-run")[1].splitlines()[-1] == "2 would be sent again"

    found = list(letters(kafka, dead, 0, "too-old"))
    assert replay(kafka, settings.topic(Topic.METRICS), found) == 1
    [record] = await read_all(kafka, settings.topic(Topic.METRICS))
    assert (record.key, record.value) == (b"k", b'{"metric":"m","value":1,"timestamp":1}')


async def test_entities_are_those_scored_since(kafka: str, topic_prefix: str) -> None:
    settings = settings_for(kafka, topic_prefix)
    await create_topics(settings)
    topic = settings.topic(Topic.SCORES)
    await put(kafka, topic, *((msgspec.json.encode(event(e, 1, s)), {}) for e, s in (("shop/a", 0.5), ("cart/b", 2.0))))
    assert [view.entity for view in entities(scores(kafka, topic, 0))] == ["cart/b", "shop/a"]
    assert [view.entity for view in entities(scores(kafka, topic, 0, "shop"))] == ["shop/a"]
    later_ms = int(time.time() * 1000) + 60_000
    assert list(scores(kafka, topic, later_ms)) == []


def test_a_topic_that_is_not_there_is_told(kafka: str) -> None:
    with pytest.raises(Unavailable, match="there is no topic nowhere: has a worker run yet"):
        list(letters(kafka, "nowhere", 0))
