"""A stream whose SLO counts and anomalies are known: it is folded in one go, without Kafka or a database, for
reference."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from agents.kafka.partitioning import partition_of
from infra.settings import Settings
from infra.store.database import Database
from infra.store.slo import definitions as slos
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertState
from models.records import SampleColumns
from models.series import EntityRule, format_series
from models.slo.openslo.read import parse_openslo

SLO = """
apiVersion: openslo/v1
kind: SLO
metadata:
  name: shop-latency
spec:
  service: shop
  indicator:
    metadata:
      name: shop-latency
    spec:
      thresholdMetric:
        metricSource:
          type: tidewatch
          spec:
            metric: latency_ms
            labels:
              service: shop
  timeWindow:
    - duration: 30d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - op: lte
      value: 130
      target: 0.99
"""
LIMIT_MS = 130.0

Key = TypeVar("Key", int, str)


@dataclass
class KnownStream:
    """Records for `metrics`, in order, and what they must lead to.

    `n_entities` instances of one service with two metrics each, a sample of each a second; one instance after the other
    has an incident.
    """

    n_ticks: int
    start_s: int
    n_entities: int = 8
    seed: int = 7
    first_entity: int = 0
    first_incident: int | None = None
    incident_every: int = 30
    records: list[bytes] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        noise = np.random.default_rng(self.seed)
        latency = noise.normal(100, 5, (self.n_ticks, self.n_entities))
        cpu = noise.normal(0.5, 0.02, (self.n_ticks, self.n_entities))
        for entity in range(self.n_entities):
            first = self.n_ticks // 2 if self.first_incident is None else self.first_incident
            start = first + self.incident_every * entity
            latency[start : start + 20, entity] += 200
            cpu[start : start + 20, entity] += 0.3
        for tick in range(self.n_ticks):
            for entity in range(self.n_entities):
                self._add("latency_ms", entity, tick, float(latency[tick, entity]))
                self._add("cpu_ratio", entity, tick, float(cpu[tick, entity]))

    def _add(self, metric: str, entity: int, tick: int, value: float) -> None:
        labels = {"service": "shop", "instance": f"i-{self.first_entity + entity}"}
        time_s = self.start_s + tick
        self.records.append(
            json.dumps({"metric": metric, "value": value, "timestamp": time_s, "labels": labels}).encode()
        )
        self.series.append(format_series(metric, labels))
        self.times_ns.append(time_s * 1_000_000_000)
        self.values.append(value)

    @property
    def n_counted(self) -> int:
        """Samples that count for the SLO."""
        return self.n_ticks * self.n_entities

    def slo_minutes(self) -> dict[int, tuple[float, float]]:
        """Epoch seconds of each minute → (good, total), counted by hand."""
        counts: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for series, time_ns, value in zip(self.series, self.times_ns, self.values, strict=True):
            if series.startswith("latency_ms"):
                minute = counts[time_ns // 60_000_000_000 * 60]
                minute[0] += value <= LIMIT_MS
                minute[1] += 1
        return {minute: (good, total) for minute, (good, total) in counts.items()}

    def episodes(self, partitions: int) -> dict[str, tuple[float, bool]]:
        """Episode id → (peak score, whether it ended), from one fold of each partition's samples."""
        rule = EntityRule(("service",), ("instance",), "host")
        target = np.array([partition_of(rule.identify(text).entity.encode(), partitions) for text in self.series])
        found: dict[str, tuple[float, bool]] = {}
        for partition in range(partitions):
            rows = np.flatnonzero(target == partition)
            pipeline = Pipeline(PipelineConfig(rule))
            names, numbers = np.unique(np.array(self.series, dtype=object)[rows], return_inverse=True)
            folded = pipeline.fold(
                SampleColumns(
                    names.tolist(),
                    numbers.astype(np.int32),
                    np.array(self.times_ns)[rows],
                    np.array(self.values)[rows],
                )
            )
            for episode in folded.emitted:
                found[episode.id] = (episode.peak_score, episode.state is AlertState.RESOLVED)
        return found


def apply_slo(database: Database) -> None:
    """Put the SLO into force."""
    with database.transaction() as cursor:
        slos.apply(cursor, parse_openslo(SLO, "test"), changed_by="test")


def stored_minutes(database: Database) -> dict[int, tuple[float, float]]:
    """Epoch seconds of each minute → (good, total), as PostgreSQL has them."""
    with database.transaction() as cursor:
        cursor.execute("SELECT extract(epoch FROM minute)::bigint, good, total FROM slo_minute")
        return {int(minute): (good, total) for minute, good, total in cursor.fetchall()}


def stored_episodes(database: Database) -> dict[str, tuple[float, bool]]:
    """Episode id → (peak score, whether it ended), as PostgreSQL has them."""
    with database.transaction() as cursor:
        cursor.execute("SELECT id, peak_score, ended_at IS NOT NULL FROM anomaly")
        return {name: (peak, ended) for name, peak, ended in cursor.fetchall()}


def assert_known(database: Database, stream: KnownStream, partitions: int) -> None:
    """Every SLO minute and every anomaly is as it must be; says which is not, what it should be and what it is."""
    wrong = [
        *_differences("minute", stream.slo_minutes(), stored_minutes(database)),
        *_differences("episode", stream.episodes(partitions), stored_episodes(database)),
    ]
    assert not wrong, "\n".join(wrong)


def _differences(what: str, expected: Mapping[Key, object], found: Mapping[Key, object]) -> list[str]:
    return [
        f"{what} {key}: expected {expected.get(key)}, found {found.get(key)}"
        for key in sorted({*expected, *found})
        if expected.get(key) != found.get(key)
    ]


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as a worker process reads them."""
    chosen = settings.model_dump(mode="json", exclude_unset=True)
    chosen["database_url"] = settings.database_url.get_secret_value()
    return {
        f"TIDEWATCH_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in chosen.items()
    }
