"""What the running system says about itself, read the way its users would: PostgreSQL and the workers' /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from infra.http import HttpClient
from infra.store.database import Database
from infra.store.demo import VIEWS, view
from models.errors import Unavailable
from models.names import Metric

SCRAPE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class EntityScore:
    """Newest score of one entity; > 1 is anomalous."""

    service: str
    entity: str
    score: float


@dataclass
class Observation:
    """One look at the system. Rows are dictionaries of the columns in `infra.store.demo.VIEWS`."""

    at: datetime
    samples_per_s: float = 0.0
    samples_total: float = 0.0
    rows_scored_total: float = 0.0
    lag_records: float = 0.0
    entities: float = 0.0
    series: float = 0.0
    rejected_total: float = 0.0
    scores: list[EntityScore] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    anomalies: list[dict[str, Any]] = field(default_factory=list)
    drifts: list[dict[str, Any]] = field(default_factory=list)
    trainings: list[dict[str, Any]] = field(default_factory=list)
    serving: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Observer:
    """Looks at the system on demand; remembers the previous look for rates."""

    def __init__(
        self, database: Database, worker_urls: Callable[[], Iterable[str]], now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._worker_urls = worker_urls
        self._now = now
        self._http = HttpClient("worker", timeout_s=SCRAPE_TIMEOUT_S)
        self._previous: tuple[float, float] | None = None

    def look(self) -> Observation:
        """Everything the view shows. What cannot be reached is listed in `problems`, not hidden."""
        seen = Observation(at=self._now())
        self._scrape(seen)
        try:
            with self._database.transaction() as cursor:
                for part in VIEWS:
                    setattr(seen, part, view(cursor, part))
        except Unavailable as error:
            seen.problems.append(str(error))
        return seen

    def _scrape(self, seen: Observation) -> None:
        for url in self._worker_urls():
            try:
                answer = self._http.get(url)
            except Unavailable as error:
                seen.problems.append(str(error))
                continue
            if not answer.ok:
                seen.problems.append(f"worker {url} answers {answer.status}")
                continue
            for family in text_string_to_metric_families(answer.text):
                for sample in family.samples:
                    self._take(seen, sample.name, sample.labels, sample.value)
        seen.scores.sort(key=lambda entity: -entity.score)
        clock = time.monotonic()
        if self._previous is not None:
            before, then = self._previous
            # a restarted worker counts from zero again
            seen.samples_per_s = max(seen.samples_total - before, 0.0) / max(clock - then, 1e-9)
        self._previous = (seen.samples_total, clock)

    @staticmethod
    def _take(seen: Observation, name: str, labels: dict[str, str], value: float) -> None:
        match name:
            case Metric.SAMPLES:
                seen.samples_total += value
            case Metric.ROWS_SCORED:
                seen.rows_scored_total += value
            case Metric.CONSUMER_LAG:
                seen.lag_records += value
            case Metric.ENTITIES:
                seen.entities += value
            case Metric.SERIES:
                seen.series += value
            case Metric.REJECTED:
                seen.rejected_total += value
            case Metric.ANOMALY_SCORE:
                seen.scores.append(EntityScore(labels.get("service", ""), labels.get("entity", ""), value))
            case Metric.MODEL_INFO:
                seen.models[labels.get("service", "")] = labels.get("version", "")
