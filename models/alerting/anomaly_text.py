"""Alerts about anomalies and silences: what on-call reads about them."""

from __future__ import annotations

import math
from typing import Final

from models.alerting.alert import Links, alert_event, dashboard_url, runbook_url
from models.names import AlertName, Annotation, Severity
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.state.results import Episode, Silence
from models.timestamps import to_rfc3339

TOP_CAUSES: Final = 3
"""Causes named in an event: what a person looks at before looking at the dashboard."""


def anomaly_alert(episode: Episode, links: Links) -> AlertEvent:
    """What on-call reads about an episode. A ticket: only a burning error budget pages."""
    return alert_event(
        AlertName.METRIC_ANOMALY,
        service=episode.service,
        severity=Severity.TICKET,
        state=episode.state,
        decision=episode.decision,
        starts_at_ns=episode.started_ns,
        ends_at_ns=episode.ended_ns if episode.state is AlertState.RESOLVED else None,
        entity=episode.entity,
        annotations=_annotations(episode, links),
    )


def silence_alert(silence: Silence, links: Links) -> AlertEvent:
    """The alert for an entity that fell silent, or its end when it speaks again."""
    firing = silence.state is AlertState.FIRING
    summary = f"{silence.entity} {'sends no metrics' if firing else 'sends metrics again'}"
    return alert_event(
        AlertName.TELEMETRY_MISSING,
        service=silence.service,
        severity=Severity.TICKET,
        state=silence.state,
        decision=AlertDecision.FIRED if firing else AlertDecision.RESOLVED,
        starts_at_ns=silence.since_ns,
        ends_at_ns=None if firing else silence.at_ns,
        entity=silence.entity,
        annotations={
            Annotation.SUMMARY: summary,
            Annotation.DESCRIPTION: (
                f"Newest sample at {to_rfc3339(silence.since_ns)}; others of its partition went on until"
                f" {to_rfc3339(silence.at_ns)}."
            ),
            **_links(AlertName.TELEMETRY_MISSING, silence.service, silence.entity, links),
        },
    )


def _links(name: AlertName, service: str, entity: str, links: Links) -> dict[Annotation, str]:
    """Where a person goes on from an alert; no dashboard where nobody said where Grafana is."""
    found = {Annotation.RUNBOOK_URL: runbook_url(links.runbook_url, name)}
    if links.grafana_url:
        found[Annotation.DASHBOARD_URL] = dashboard_url(links.grafana_url, {"service": service, "entity": entity})
    return found


def _annotations(episode: Episode, links: Links) -> dict[Annotation, str]:
    peak, expected = f"{episode.peak_score:.2f}", _expected_text(episode)
    texts = {
        Annotation.SUMMARY: f"{episode.entity}: {episode.cause_metric} is unusual (score {peak}, 1 is the threshold)",
        Annotation.DESCRIPTION: (
            f"Since {to_rfc3339(episode.started_ns)}; at the peak {to_rfc3339(episode.peak_ns)}"
            f" {episode.cause_metric} was {_number(episode.value)}, expected {expected}."
        ),
        Annotation.CAUSES: ", ".join(f"{name} {share:.0%}" for name, share in _shares(episode)),
        Annotation.SCORE: peak,
        Annotation.EXPECTED: expected,
        Annotation.MODEL_VERSION: episode.model_version,
        **_links(AlertName.METRIC_ANOMALY, episode.service, episode.entity, links),
    }
    return {name: text for name, text in texts.items() if text}


def _shares(episode: Episode) -> list[tuple[str, float]]:
    """Causes as shares of the score, largest first."""
    total = sum(part for _, part in episode.causes)
    return [(name, part / total if total > 0 else 0.0) for name, part in episode.causes[:TOP_CAUSES]]


def _expected_text(episode: Episode) -> str:
    lower, upper = _number(episode.expected_lower), _number(episode.expected_upper)
    return f"{_number(episode.expected)} ({lower} to {upper})"


def _number(value: float | None) -> str:
    return "unknown" if value is None or not math.isfinite(value) else f"{value:.4g}"
