"""Drifts and requests as events: ids and times are those of the cause."""

from __future__ import annotations

from models.reasons import RetrainReason
from models.records import DriftEvent, RetrainEvent
from models.state.results import Drift, RetrainRequest
from models.training.events import drift_event, retrain_event

AT_NS = 1_780_000_020_000_000_000
AT = "2026-05-28T20:27:00Z"


def test_a_drift_says_where_and_what_changed() -> None:
    drift = Drift("shop/a:load:1", "shop", "shop/a", "load", "adwin", 3.5, 120, AT_NS, AT_NS - 60_000_000_000)
    assert drift_event(drift) == DriftEvent("shop/a:load:1", "shop", "shop/a", "load", "adwin", 3.5, 120, AT)


def test_a_request_says_why_and_on_what_evidence() -> None:
    request = RetrainRequest("drift:1", "shop", RetrainReason.DRIFT, {"rows": 240}, AT_NS)
    assert retrain_event(request) == RetrainEvent("drift:1", "shop", "drift", {"rows": 240}, AT)
