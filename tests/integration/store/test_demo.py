"""What the demo reads: the newest rows of every part of its view, and when the links of its chains happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from infra.store import alerts, demo, outbox, training, watch
from infra.store.database import Database
from models.alerting.alert import alert_event
from models.names import AlertName, Severity, Topic
from models.reasons import AlertDecision, AlertState, PromotionReason, RetrainReason, TrainingOutcome
from models.records import RetrainEvent
from models.state.results import Drift
from models.timestamps import from_datetime, to_rfc3339

BEGIN = datetime(2026, 11, 30, 10, tzinfo=UTC)
SINCE = BEGIN - timedelta(minutes=1)
AFTER = BEGIN + timedelta(minutes=1)
BEGIN_NS = from_datetime(BEGIN)


@pytest.mark.parametrize("part", demo.VIEWS)
def test_every_part_of_the_view_is_empty_before_anything_happened(database: Database, part: str) -> None:
    with database.transaction() as cursor:
        assert demo.view(cursor, part) == []


def test_a_page_is_seen_with_its_begin(database: Database) -> None:
    page = alert_event(
        AlertName.SLO_BURN_RATE,
        service="checkout",
        slo="checkout-latency",
        severity=Severity.PAGE,
        state=AlertState.FIRING,
        decision=AlertDecision.FIRED,
        starts_at_ns=BEGIN_NS,
        ends_at_ns=None,
        annotations={},
    )
    with database.transaction() as cursor:
        alerts.store(cursor, [page])
        assert demo.page_began(cursor, "checkout-latency", SINCE) == BEGIN
        assert demo.page_began(cursor, "checkout-latency", AFTER) is None
        assert demo.page_began(cursor, "another", SINCE) is None
        assert [(row["slo"], row["state"]) for row in demo.view(cursor, "alerts")] == [("checkout-latency", "firing")]


def test_a_drift_is_seen_with_its_confirmation(database: Database) -> None:
    drift = Drift("d1", "checkout", "checkout/1", "m{}", "adwin", 3.0, 100, BEGIN_NS, BEGIN_NS)
    with database.transaction() as cursor:
        watch.save_drifts(cursor, [drift])
        assert demo.drift_confirmed(cursor, "checkout", SINCE) == BEGIN
        assert demo.drift_confirmed(cursor, "checkout", AFTER) is None
        assert demo.view(cursor, "drifts") == [
            {"service": "checkout", "entity": "checkout/1", "series": "m{}", "detector": "adwin", "at": BEGIN}
        ]


def test_a_training_is_seen_from_the_request_to_the_promotion(database: Database) -> None:
    asked = RetrainEvent("r1", "checkout", RetrainReason.DRIFT, {}, to_rfc3339(BEGIN_NS))
    done = training.Finished(TrainingOutcome.PROMOTED, "better", PromotionReason.SEPARATES_BETTER, "7", {}, BEGIN_NS)
    ended_ns = BEGIN_NS + 30_000_000_000
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    with database.transaction() as cursor:
        outbox.put(cursor, [(Topic.RETRAIN, "checkout", asked.id, msgspec.json.encode(asked))])
        training.ask(cursor, [asked])
        assert demo.promoted_for(cursor, "checkout", RetrainReason.DRIFT, SINCE) is None
        training.finish(cursor, asked.id, done, ended_ns)
        assert demo.retraining_asked(cursor, "checkout", RetrainReason.DRIFT, long_ago) is not None
        assert demo.retraining_asked(cursor, "checkout", RetrainReason.STALE, long_ago) is None
        found = demo.promoted_for(cursor, "checkout", RetrainReason.DRIFT, SINCE)
        assert found == (BEGIN + timedelta(seconds=30), "7")
        assert demo.promoted_for(cursor, "checkout", RetrainReason.DRIFT, AFTER) is None
