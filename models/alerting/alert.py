"""Identity and payload of an alert: who it is (labels), what it says (annotations), how a repeat is recognised."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from models.names import DASHBOARD_UID, AlertLabel, AlertName, Annotation, Severity
from models.plain_text import one_line
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.timestamps import to_rfc3339


@dataclass(frozen=True, slots=True)
class Links:
    """Where an alert points to; empty texts leave the link out."""

    grafana_url: str
    runbook_url: str


def fingerprint(labels: Mapping[str, str]) -> str:
    """Sixteen hex digits that stand for a label set, whatever the order of its labels.

    >>> fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    True
    """
    text = "\xff".join(f"{name}\xfe{labels[name]}" for name in sorted(labels))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def dashboard_url(grafana_url: str, variables: Mapping[str, str]) -> str:
    """Address of the dashboard with its variables chosen.

    >>> dashboard_url("http://grafana:3000/", {"service": "shop"})
    'http://grafana:3000/d/tidewatch-live?var-service=shop'
    """
    chosen = urlencode({f"var-{name}": value for name, value in variables.items()})
    return f"{grafana_url.rstrip('/')}/d/{DASHBOARD_UID}?{chosen}"


def runbook_url(base: str, name: AlertName) -> str:
    """Address of an alert's section in the runbook.

    >>> runbook_url("https://docs/runbook.md", AlertName.METRIC_ANOMALY)
    'https://docs/runbook.md#metricanomaly'
    """
    return f"{base}#{name.value.lower()}"


def alert_event(
    name: AlertName,
    *,
    service: str,
    severity: Severity,
    state: AlertState,
    decision: AlertDecision,
    starts_at_ns: int,
    ends_at_ns: int | None = None,
    entity: str | None = None,
    slo: str | None = None,
    burn_window: str | None = None,
    annotations: Mapping[Annotation, str],
) -> AlertEvent:
    """The event for one transition of an alert.

    Its id depends on identity, episode start and state only, so that deciding the same transition twice (after a crash,
    say) gives the same event.
    """
    optional = {AlertLabel.ENTITY: entity, AlertLabel.SLO: slo, AlertLabel.BURN_WINDOW: burn_window}
    labels = {
        AlertLabel.ALERTNAME.value: name.value,
        AlertLabel.SERVICE.value: service,
        AlertLabel.SEVERITY.value: severity.value,
        **{label.value: value for label, value in optional.items() if value},
    }
    identity = fingerprint(labels)
    return AlertEvent(
        id=f"{identity}:{starts_at_ns}:{state.value}",
        fingerprint=identity,
        state=state.value,
        labels=labels,
        annotations={key.value: one_line(text) for key, text in annotations.items()},
        starts_at=to_rfc3339(starts_at_ns),
        ends_at=to_rfc3339(ends_at_ns) if ends_at_ns is not None else None,
        decision=decision.value,
    )
