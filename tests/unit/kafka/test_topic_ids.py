"""Which topics a worker reads, and that one was made anew."""

from __future__ import annotations

import pytest

from agents.kafka import topic_ids
from agents.kafka.topic_ids import TopicIds
from infra.kafka.identity import ClusterIds
from infra.settings import Settings
from models.errors import Unavailable


class Brokers:
    """Answers as told; raises where it was told an error."""

    def __init__(self) -> None:
        self.answer: ClusterIds | Unavailable = ClusterIds("cluster", {"metrics": "a", "samples": "b"})

    def ask(self, servers: str, topics: list[str]) -> ClusterIds:
        assert (servers, topics) == ("broker:9092", ["metrics", "samples"])
        if isinstance(self.answer, Unavailable):
            raise self.answer
        return self.answer


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    brokers = Brokers()
    monkeypatch.setattr(topic_ids, "ask_ids", brokers.ask)
    return brokers


async def test_a_topic_with_another_id_is_told_and_others_are_not(brokers: Brokers) -> None:
    told: list[str] = []
    ids = TopicIds(Settings(kafka="broker:9092"), told.append)
    await ids.ask()
    assert told == []
    brokers.answer = ClusterIds("cluster", {"metrics": "anew", "samples": "b"})
    await ids.ask()
    assert told == ["metrics"]
    assert ids.identity("metrics") == brokers.answer.identity("metrics")


async def test_a_topic_that_is_away_keeps_its_id_and_comes_back_without_a_word(brokers: Brokers) -> None:
    told: list[str] = []
    ids = TopicIds(Settings(kafka="broker:9092"), told.append)
    known = (await ids.ask()).identity("metrics")
    brokers.answer = ClusterIds("cluster", {"samples": "b"})
    assert (await ids.ask()).identity("metrics") == known
    brokers.answer = ClusterIds("cluster", {"metrics": "a", "samples": "b"})
    await ids.ask()
    assert told == []


async def test_a_refresh_goes_on_with_what_is_known_where_nobody_answers(brokers: Brokers) -> None:
    ids = TopicIds(Settings(kafka="broker:9092"), lambda topic: None)
    known = (await ids.ask()).identity("samples")
    brokers.answer = Unavailable("Kafka", "no answer")
    await ids.refresh()
    assert ids.identity("samples") == known
    with pytest.raises(Unavailable):
        await ids.ask()
