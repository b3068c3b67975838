"""What leaves the watch agent about anomalies and silences."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np

from agents.watch.score_events import anomaly_alert, score_events, silence_outgoing
from infra.settings import load
from models.names import Topic
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent, ScoreEvent
from models.state.results import Episode, ScoredRows, Silence
from models.state.tables import EntityName
from models.timestamps import to_rfc3339

S = 1_000_000_000
SETTINGS = load(grafana_url="http://grafana:3000/", runbook_url="https://docs/runbook.md")


def _silence(state: AlertState) -> AlertEvent:
    outgoing = silence_outgoing(Silence("shop/a:100", "shop", "shop/a", 100 * S, 170 * S, state), SETTINGS)
    assert outgoing.topic is Topic.ALERTS
    event = msgspec.json.decode(outgoing.value, type=AlertEvent)
    assert outgoing.event_id == event.id
    return event


def test_a_silent_entity_is_a_ticket_that_begins_with_its_newest_sample() -> None:
    event = _silence(AlertState.FIRING)
    assert event.labels == {
        "alertname": "TelemetryMissing",
        "service": "shop",
        "entity": "shop/a",
        "severity": "ticket",
    }
    assert (event.starts_at, event.ends_at) == ("1970-01-01T00:01:40Z", None)
    assert event.annotations["runbook_url"] == "https://docs/runbook.md#telemetrymissing"


def test_the_end_of_a_silence_is_the_same_alert_under_another_id() -> None:
    firing, resolved = _silence(AlertState.FIRING), _silence(AlertState.RESOLVED)
    assert firing.fingerprint == resolved.fingerprint
    assert firing.id != resolved.id
    assert (resolved.state, resolved.ends_at) == ("resolved", "1970-01-01T00:02:50Z")


def test_an_anomaly_tells_what_was_seen_and_expected_and_where_to_look() -> None:
    episode = Episode(
        id="shop/a:100",
        service="shop",
        entity="shop/a",
        started_ns=100 * S,
        at_ns=102 * S,
        ended_ns=None,
        peak_score=2.5,
        peak_ns=101 * S,
        cause_metric="latency_ms",
        causes=[("latency_ms", 2.0), ("cpu_ratio", 0.5)],
        value=900.0,
        expected=80.0,
        expected_lower=60.0,
        expected_upper=110.0,
        model_version="3",
        state=AlertState.FIRING,
        decision=AlertDecision.FIRED,
    )
    annotations = anomaly_alert(episode, SETTINGS).annotations
    assert annotations["summary"] == "shop/a: latency_ms is unusual (score 2.50, 1 is the threshold)"
    assert annotations["causes"] == "latency_ms 80%, cpu_ratio 20%"
    assert annotations["expected"] == "80 (60 to 110)"
    assert annotations["model_version"] == "3"
    assert annotations["dashboard_url"].startswith("http://grafana:3000/d/tidewatch-live?var-service=shop&var-entity=")


def _rows(**columns: Any) -> ScoredRows:
    """Three rows of two entities; one has no cause and nothing that is known."""
    usual: dict[str, Any] = {
        "entity": np.array([1, 0, 1], np.int32),
        "tick_ns": np.array([1_763_632_800_250_000_000, -1, 0]),
        "score": np.array([1.25, 0.0, 1 / 3]),
        "is_anomaly": np.array([True, False, False]),
        "value": np.array([[98765432.125, math.nan, -1.5]]).T[:, 0],
        "expected": np.array([0.1 + 0.2, math.nan, 1e-9]),
        "expected_lower": np.array([-2 / 3, math.nan, -1e20]),
        "expected_upper": np.array([1e6, math.nan, 12345678.0]),
        "causes": np.array([[2, 0, -1], [-1, -1, -1], [1, 2, 0]], np.int32),
        "parts": np.array([[1.0, 0.25, 0.0], [0.0, 0.0, 0.0], [0.2, 0.1, 0.03]]),
        "readiness_code": np.array([2, 0, 1], np.int8),
        "model_version": ["12", "", "12"],
        "features": ['a{path="/x"}', "b", "größe"],
    }
    return ScoredRows(**(usual | columns))


NAMES = [EntityName("shop", "shop"), EntityName('so "called"', 'so "called"/é')]


def test_a_score_event_says_what_the_row_says() -> None:
    keys, which, events = score_events(_rows(), NAMES)
    assert [keys[number].decode() for number in which.tolist()] == ['so "called"/é', "shop", 'so "called"/é']
    found = [msgspec.json.decode(events.at(i) or b"", type=ScoreEvent) for i in range(3)]
    assert found[0] == ScoreEvent(
        'so "called"/é@1763632800250000000',
        'so "called"',
        'so "called"/é',
        to_rfc3339(1_763_632_800_250_000_000),
        1.25,
        True,
        [("größe", 1.0), ('a{path="/x"}', 0.25)],
        "größe",
        98765432.125,
        0.3,
        -0.6666667,
        1e6,
        "12",
        "calibrated",
    )
    assert found[1] == ScoreEvent(
        "shop@-1",
        "shop",
        "shop",
        to_rfc3339(-1),
        0.0,
        False,
        [],
        "",
        None,
        None,
        None,
        None,
        "",
        "warming-up",
    )
    assert (found[2].anomaly_score, found[2].expected, found[2].expected_lower) == (0.3333333, 1e-9, -1e20)
    assert [list(json.loads(events.at(i) or b"")) for i in range(3)] == [list(ScoreEvent.__struct_fields__)] * 3


def test_no_rows_are_no_events() -> None:
    none = {name: getattr(_rows(), name)[:0] for name in ScoredRows.__dataclass_fields__ if name != "features"}
    keys, which, events = score_events(_rows(**none), NAMES)
    assert (keys, len(which), len(events.start)) == ([], 0, 0)
