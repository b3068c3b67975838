"""The bounded demo: faults are made, and every link of what must follow is looked for until time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from infra.alerting.webhook import WebhookReceiver
from infra.demo.chain import Chain, Link, Look
from infra.demo.observe import Observation, rows
from infra.demo.scores_tail import ScoresTail
from infra.mlflow.registry import Registry
from infra.store.database import Database
from models.errors import Unavailable
from models.names import AlertLabel, AlertName, Severity, Topic
from models.reasons import RetrainReason, TrainingOutcome
from models.slo.definition import Slo

_PAGE_LABELS: Final = (AlertLabel.ALERTNAME, AlertLabel.SLO, AlertLabel.SEVERITY)

_BURN = """
    SELECT min(starts_at) AS at FROM alert
    WHERE labels->>'alertname' = %s AND labels->>'slo' = %s AND labels->>'severity' = %s AND starts_at >= %s
"""
_DRIFT = "SELECT min(at) AS at FROM drift WHERE service = %s AND at >= %s"
_ASKED = """
    SELECT min(created_at) AS at FROM outbox
    WHERE topic = %s AND key = %s AND created_at >= %s AND position(%s IN convert_from(value, 'UTF8')) > 0
"""
_TRAINED = """
    SELECT finished_at AS at, version FROM training
    WHERE service = %s AND reason = %s AND asked_at >= %s AND outcome = %s ORDER BY finished_at LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Witness:
    """Where the links are looked for."""

    database: Database
    latest: Callable[[], Observation]
    scores: ScoresTail
    webhook: WebhookReceiver
    registry: Registry
    now: Callable[[], datetime]

    def at(self, query: str, *parameters: object) -> datetime | None:
        """Time in column `at` of the query's first row; None while there is none or the database is away."""
        try:
            found = rows(self.database, query, parameters)
        except Unavailable:
            return None
        return found[0]["at"] if found else None

    def notified(self, slo: str, status: str, since: datetime) -> datetime | None:
        """When Alertmanager told the webhook that the page of an SLO fires, or is resolved."""
        for received in self.webhook.received:
            arrived = datetime.fromtimestamp(received.arrived_at_s, UTC)
            for alert in received.notification.alerts:
                wanted = (AlertName.SLO_BURN_RATE, slo, Severity.PAGE)
                seen = tuple(alert.labels.get(name) for name in _PAGE_LABELS)
                if arrived >= since and alert.status == status and seen == wanted:
                    return arrived
        return None

    def trained_version(self, service: str, since: datetime) -> str | None:
        """Version of the model that drift since then led to."""
        try:
            found = rows(self.database, _TRAINED, (service, RetrainReason.DRIFT, since, TrainingOutcome.PROMOTED))
        except Unavailable:
            return None
        return found[0]["version"] if found else None

    def champion(self, service: str) -> str | None:
        """Version behind the champion alias, as MLflow itself answers."""
        try:
            champion = self.registry.champion(service)
        except Unavailable:
            return None
        return champion.version if champion is not None else None


def incident_chain(witness: Witness, title: str, slo: Slo, begin: datetime, ended: Look) -> Chain:
    """Fault → anomaly scored → SLO burn → alert delivered → fault ends → resolved.

    Args:
        witness: where to look.
        title: what the fault is, for people.
        slo: the objective that it breaks.
        begin: when it was made.
        ended: when it ended, None while it lasts.
    """
    return Chain(
        title,
        [
            Link("fault", lambda: begin),
            Link("anomaly scored", lambda: witness.scores.first_anomalous(slo.service, begin)),
            Link("SLO burn", lambda: witness.at(_BURN, AlertName.SLO_BURN_RATE, slo.name, Severity.PAGE, begin)),
            Link("alert delivered by Alertmanager", lambda: witness.notified(slo.name, "firing", begin)),
            Link("fault over", ended),
            Link("resolved", lambda: witness.notified(slo.name, "resolved", begin)),
        ],
    )


def drift_chain(witness: Witness, title: str, service: str, begin: datetime) -> Chain:
    """Shift → drift → retrain event → challenger trained → promoted → reloaded → scores carry the new version."""

    def if_version(matches: Callable[[str], bool]) -> Look:
        def look() -> datetime | None:
            version = witness.trained_version(service, begin)
            return witness.now() if version is not None and matches(version) else None

        return look

    def scored() -> datetime | None:
        version = witness.trained_version(service, begin)
        return witness.scores.first_with_version(service, version) if version is not None else None

    reason = RetrainReason.DRIFT
    trained = (_TRAINED, service, reason, begin, TrainingOutcome.PROMOTED)
    return Chain(
        title,
        [
            Link("distribution shift", lambda: begin),
            Link("drift confirmed", lambda: witness.at(_DRIFT, service, begin)),
            Link("retraining asked", lambda: witness.at(_ASKED, Topic.RETRAIN, service, begin, f'"{reason}"')),
            Link("challenger trained and validated", lambda: witness.at(*trained)),
            Link("promoted in MLflow", if_version(lambda version: witness.champion(service) == version)),
            Link("reloaded by the worker", if_version(lambda version: witness.latest().models.get(service) == version)),
            Link("scores carry the new version", scored),
        ],
    )
