"""What on-call reads about anomalies and silences."""

from __future__ import annotations

from models.alerting.alert import Links
from models.alerting.anomaly_text import anomaly_alert, silence_alert
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.state.results import Episode, Silence

S = 1_000_000_000
LINKS = Links("http://grafana:3000/", "https://docs/runbook.md")


def _silence(state: AlertState) -> AlertEvent:
    return silence_alert(Silence("shop/a:100", "shop", "shop/a", 100 * S, 170 * S, state), LINKS)


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
    annotations = anomaly_alert(episode, LINKS).annotations
    assert annotations["summary"] == "shop/a: latency_ms is unusual (score 2.50, 1 is the threshold)"
    assert annotations["causes"] == "latency_ms 80%, cpu_ratio 20%"
    assert annotations["expected"] == "80 (60 to 110)"
    assert annotations["model_version"] == "3"
    assert annotations["dashboard_url"].startswith("http://grafana:3000/d/tidewatch-live?var-service=shop&var-entity=")
