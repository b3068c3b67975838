"""The bounded demo: faults are made, and every link of what must follow is looked for until time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from psycopg2.extensions import cursor as Cursor

from infra.alerting.webhook import WebhookReceiver
from infra.demo.chain import Chain, Link, Look
from infra.demo.observe import Observation
from infra.demo.scores_tail import ScoresTail
from infra.mlflow.registry import Registry
from infra.store import demo
from infra.store.database import Database
from models.errors import Unavailable
from models.names import AlertLabel, AlertName, Severity
from models.reasons import RetrainReason
from models.slo.definition import Slo

Found = TypeVar("Found")

_PAGE_LABELS: Final = (AlertLabel.ALERTNAME, AlertLabel.SLO, AlertLabel.SEVERITY)


@dataclass(frozen=True, slots=True)
class Witness:
    """Where the links are looked for."""

    database: Database
    latest: Callable[[], Observation]
    scores: ScoresTail
    webhook: WebhookReceiver
    registry: Registry
    now: Callable[[], datetime]

    def read(self, query: Callable[[Cursor], Found | None]) -> Found | None:
        """What a query of `infra.store.demo` finds; None while it finds nothing or the database is away."""
        try:
            with self.database.transaction() as cursor:
                return query(cursor)
        except Unavailable:
            return None

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

    def trained(self, service: str, since: datetime) -> tuple[datetime, str] | None:
        """When the training that drift since then led to was over, and the version that it made champion."""
        return self.read(lambda cursor: demo.promoted_for(cursor, service, RetrainReason.DRIFT, since))

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
            Link("SLO burn", lambda: witness.read(lambda cursor: demo.page_began(cursor, slo.name, begin))),
            Link("alert delivered by Alertmanager", lambda: witness.notified(slo.name, "firing", begin)),
            Link("fault over", ended),
            Link("resolved", lambda: witness.notified(slo.name, "resolved", begin)),
        ],
    )


def drift_chain(witness: Witness, title: str, service: str, begin: datetime) -> Chain:
    """Shift → drift → retrain event → challenger trained → promoted → reloaded → scores carry the new version."""

    def trained() -> datetime | None:
        found = witness.trained(service, begin)
        return None if found is None else found[0]

    def if_version(matches: Callable[[str], bool]) -> Look:
        def look() -> datetime | None:
            found = witness.trained(service, begin)
            return witness.now() if found is not None and matches(found[1]) else None

        return look

    def scored() -> datetime | None:
        found = witness.trained(service, begin)
        return witness.scores.first_with_version(service, found[1]) if found is not None else None

    def drifted(cursor: Cursor) -> datetime | None:
        return demo.drift_confirmed(cursor, service, begin)

    def asked(cursor: Cursor) -> datetime | None:
        return demo.retraining_asked(cursor, service, RetrainReason.DRIFT, begin)

    return Chain(
        title,
        [
            Link("distribution shift", lambda: begin),
            Link("drift confirmed", lambda: witness.read(drifted)),
            Link("retraining asked", lambda: witness.read(asked)),
            Link("challenger trained and validated", trained),
            Link("promoted in MLflow", if_version(lambda version: witness.champion(service) == version)),
            Link("reloaded by the worker", if_version(lambda version: witness.latest().models.get(service) == version)),
            Link("scores carry the new version", scored),
        ],
    )
