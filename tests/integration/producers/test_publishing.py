"""A run of a producer ends with everything delivered, and with its summary however it ends."""

from __future__ import annotations

import json

import numpy as np
import pytest

from infra.kafka.admin import missing_topics_blocking
from infra.producers.publishing import Published, published_json, publishing
from infra.settings import load
from models.errors import Misconfigured, Unavailable
from models.records import SampleColumns

pytestmark = pytest.mark.integration
ONE = SampleColumns(['m{service="s"}'], np.zeros(1, np.int32), np.zeros(1, np.int64), np.ones(1))


def test_the_topics_are_made_and_what_was_delivered_is_told(kafka: str, topic_prefix: str) -> None:
    settings = load(kafka=kafka, topic_prefix=topic_prefix)
    topic = f"{topic_prefix}metrics"
    assert topic in missing_topics_blocking(settings)
    told: list[Published] = []
    times = iter((100.0, 102.5))
    with publishing(settings, "a test", say=print, end=told.append, clock_s=lambda: next(times)) as publisher:
        publisher.publish(ONE)
    assert told == [Published("a test", topic, 1, 0, 2.5)]
    assert json.loads(json.dumps(published_json(told[0])))["samples"] == 1
    assert missing_topics_blocking(settings) == []


def test_an_error_in_the_run_is_raised_after_the_summary(kafka: str, topic_prefix: str) -> None:
    told: list[Published] = []
    settings = load(kafka=kafka, topic_prefix=topic_prefix)
    with (
        pytest.raises(Misconfigured, match="in between"),
        publishing(settings, "a test", say=print, end=told.append),
    ):
        raise Misconfigured("in between")
    assert [summary.failed for summary in told] == [0]


def test_without_an_address_nothing_is_tried() -> None:
    with pytest.raises(Misconfigured, match="TIDEWATCH_KAFKA"), publishing(load(kafka=""), "", say=print, end=print):
        pass


def test_topics_of_a_broker_that_is_away_are_unavailable(topic_prefix: str) -> None:
    with pytest.raises(Unavailable, match="127.0.0.1:1"):
        missing_topics_blocking(load(kafka="127.0.0.1:1", topic_prefix=topic_prefix), timeout_ms=1_000)
