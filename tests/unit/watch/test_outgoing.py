"""What leaves after a fold: topics, keys and ids; the same fold gives the same."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from agents.watch.outgoing import drift_records, outbox_events
from models.alerting.alert import Links
from models.names import Topic
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertState, RetrainReason
from models.records import AlertEvent, RetrainEvent
from models.series import EntityRule
from models.state.results import Drift, Folded, RetrainRequest, Silence

AT_NS = 1_780_000_020_000_000_000


@pytest.fixture
def folded() -> Folded:
    """A fold that found a drift, a silence and a reason to train."""
    nothing = Pipeline(PipelineConfig(EntityRule(("service",), ("instance",), "host"))).finish()
    return replace(
        nothing,
        drifts=[Drift("d", "shop", "shop/a", "load", "adwin", 3.5, 120, AT_NS, AT_NS - 60_000_000_000)],
        silences=[Silence("shop/a:1", "shop", "shop/a", AT_NS, AT_NS + 70_000_000_000, AlertState.FIRING)],
        retrain=[RetrainRequest("drift:1", "shop", RetrainReason.DRIFT, {}, AT_NS)],
    )


def test_drifts_go_to_their_topic_keyed_by_service(folded: Folded) -> None:
    (record,) = drift_records(folded, "drift")
    assert (record.topic, record.key) == ("drift", b"shop")


def test_alerts_come_before_requests_and_ids_are_those_of_the_events(folded: Folded) -> None:
    alert, request = outbox_events(folded, Links("", "https://runbook.md"))
    told = msgspec.json.decode(alert.value, type=AlertEvent)
    assert (alert.topic, alert.key, alert.event_id) == (Topic.ALERTS, told.fingerprint, told.id)
    asked = msgspec.json.decode(request.value, type=RetrainEvent)
    assert (request.topic, request.key, request.event_id) == (Topic.RETRAIN, "shop", "drift:1")
    assert asked.id == "drift:1"
    assert outbox_events(folded, Links("", "https://runbook.md")) == [alert, request]
