"""A database with SLOs whose minutes are told one by one, for tests of what evaluates them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from infra.slo.evaluate import Evaluation, SloEvaluator
from infra.store import alerts
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.watch import save_episodes
from models.alerting.alert import Links
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.state.results import Episode, SeriesPart

START_S = 1_780_000_020 // 60 * 60
DAY = TimeWindow(1, WindowUnit.DAY)  # burn windows of 2m/1m, 12m/1m (page), 48m/4m, 144m/12m (ticket)
LINKS = Links("http://grafana:3000/", "https://runbooks/slo.md")


def slo(name: str = "latency", target: float = 0.99, window: TimeWindow = DAY) -> Slo:
    indicator = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
    return Slo(name, "checkout", target, window, indicator)


@dataclass
class Story:
    """A database with SLOs whose minutes are told one by one."""

    database: Database
    evaluator: SloEvaluator
    ids: dict[str, int] = field(default_factory=dict)

    def apply(self, *applied: Slo) -> None:
        with self.database.transaction() as cursor:
            slos.apply(cursor, applied, changed_by="test", remove_others=True)
            self.ids = {stored.slo.name: stored.id for stored in slos.load(cursor).slos}

    def count(self, minute: int, good: float, total: float, name: str = "latency") -> None:
        with self.database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO slo_minute VALUES (%s, to_timestamp(%s), %s, %s)",
                (self.ids[name], START_S + 60 * minute, good, total),
            )

    def anomaly(
        self,
        entity: str,
        minute: float,
        shares: dict[str, float],
        *,
        peak: float,
        until: float | None = None,
        service: str = "checkout",
    ) -> None:
        """An anomaly episode as the watch agent stores it; told anew it replaces what was known of it."""
        started_ns = int((START_S + 60 * minute) * 1e9)
        ended_ns = None if until is None else int((START_S + 60 * until) * 1e9)
        parts = tuple(
            SeriesPart(metric, 60 * share, started_ns, started_ns, 812.4, 200.0, 180.0, 260.0)
            for metric, share in shares.items()
        )
        first = next(iter(shares))
        episode = Episode(
            f"{entity}:{minute}",
            service,
            entity,
            started_ns,
            ended_ns,
            started_ns,
            peak,
            started_ns,
            first,
            list(shares.items()),
            812.4,
            200.0,
            180.0,
            260.0,
            "7",
            AlertState.FIRING,
            AlertDecision.FIRED,
            parts,
        )
        with self.database.transaction() as cursor:
            save_episodes(cursor, [episode])

    def said(self, burn_window: str) -> dict[str, str]:
        """Annotations of an alert as Alertmanager is told of it next."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT annotations FROM alert WHERE labels->>'burn_window' = %s", (burn_window,))
            row = cursor.fetchone()
        assert row is not None
        return dict(row[0])

    def deliver(self) -> None:
        """What the notify agent does with the alerts of the outbox."""
        events = self.outbox()
        with self.database.transaction() as cursor:
            alerts.store(cursor, events)

    def evaluate(self, minute: float) -> Evaluation:
        return self.evaluator.evaluate(int((START_S + 60 * minute) * 1e9))

    def outbox(self) -> list[AlertEvent]:
        with self.database.transaction() as cursor:
            cursor.execute("SELECT topic, key, event_id, value FROM outbox ORDER BY id")
            rows = cursor.fetchall()
        events = [AlertEvent(**json.loads(bytes(value))) for _, _, _, value in rows]
        assert [(t, k, i) for t, k, i, _ in rows] == [("alerts", e.fingerprint, e.id) for e in events]
        return events

    def transitions(self) -> list[tuple[str, str, str]]:
        return [(e.state, e.labels["severity"], e.labels["burn_window"]) for e in self.outbox()]
