"""What becomes of an open training request: trained, held back with a reason, or answered by a training that was.

Blocking code on a thread of its own; the trainer agent calls `turn` over and over. Per service one worker at a time:
the service's advisory lock is held by this thread's connection from the decision to the end of the request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from infra.settings import Settings
from infra.store import decisions
from infra.store import training as store
from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from infra.store.training import Finished, OpenRequest, ServedModel
from infra.training.messages import JobResult, TrainingJob
from infra.training.process import TrainingCrashed, TrainingProcess
from models.names import Metric
from models.reasons import RetrainReason, TrainingOutcome
from models.timestamps import to_rfc3339
from models.training.triggers import changed_ns

log = logging.getLogger(__name__)

LAKE_WAIT_S: Final = 5.0
LAKE_WAITS: Final = 12
"""Samples reach the lake `lake_flush_s` after their scores; a minute covers a slow disk. Then the lake has a gap."""

INCIDENT_WAIT_S: Final = 15.0
"""How often it is looked whether a service that pages has calmed down, so that its change may be learnt."""

MOST_CRASHES: Final = 3
"""A process may die with its machine's memory once or twice; three times is a defect that repeating does not mend."""

CHANGED: Final = frozenset({RetrainReason.DRIFT, RetrainReason.FEATURES_CHANGED})


class TrainingQueue:
    """The open requests of all services, worked off oldest first, one at a time.

    `probe` raises `Unavailable` where MLflow does not answer, before a process is started for nothing.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        process: TrainingProcess,
        probe: Callable[[], None],
        *,
        registry: CollectorRegistry,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._database = database
        self._process = process
        self._probe = probe
        self._clock_ns = clock_ns
        self._crashes: dict[str, int] = {}
        self._trainings = Counter(
            Metric.TRAININGS.value.removesuffix("_total"),
            "Training requests by how they ended.",
            ["service", "outcome"],
            registry=registry,
        )

    def turn(self) -> bool:
        """Bring the oldest request that can be brought further one step further; False where there is none.

        Raises:
            Unavailable: PostgreSQL, MLflow or the lake does not answer; the request stays open.
        """
        with self._database.transaction() as cursor:
            requests = store.due(cursor, self._clock_ns())
        for request in requests:
            lock = AdvisoryLock(self._database, store.champion_lock(request.service))
            if not lock.acquire():
                continue
            try:
                if self._advance(request):
                    return True
            finally:
                lock.release()
        return False

    def _advance(self, request: OpenRequest) -> bool:
        """One step of a request whose service's lock is ours; False where another worker ended it meanwhile."""
        now_ns = self._clock_ns()
        with self._database.transaction() as cursor:
            if not store.is_open(cursor, request.id):
                return False
            last = store.last_training(cursor, request.service)
            has_champion = any(served.service == request.service for served in store.serving(cursor))
            paging = request.reason in CHANGED and store.is_paging(cursor, request.service)
        if request.reason is not RetrainReason.REQUESTED:
            if last is not None and last.trained_to_ns >= request.asked_ns:
                self._end(request, Finished(TrainingOutcome.SUPERSEDED, f"training {last.id} saw what this is about"))
                return True
            if request.reason is RetrainReason.COLD_START and has_champion:
                self._end(request, Finished(TrainingOutcome.SUPERSEDED, "the service has a champion by now"))
                return True
            ready_ns = 0 if last is None else last.finished_ns + int(self._settings.retrain_cooldown_s * 1e9)
            if ready_ns > now_ns:
                self._cool_down(request, ready_ns)
                return True
        if paging:
            self._hold(
                request, now_ns + int(INCIDENT_WAIT_S * 1e9), "an SLO of the service pages: no new normal to learn"
            )
            return True
        self._train(request)
        return True

    def _train(self, request: OpenRequest) -> None:
        self._probe()
        with self._database.transaction() as cursor:
            store.start(cursor, request.id, self._clock_ns())
        log.info("training %s for %s (%s)", request.service, request.reason.value, request.id)
        try:
            result = self._process.run(self._job(request))
        except TrainingCrashed as error:
            self._crashed(request, str(error))
            return
        outcome = TrainingOutcome(result.outcome)
        behind = result.trained_to_ns is None or result.trained_to_ns < request.asked_ns
        if outcome is TrainingOutcome.TOO_LITTLE_DATA and behind and request.attempts < LAKE_WAITS:
            self._hold(request, self._clock_ns() + int(LAKE_WAIT_S * 1e9), result.detail)
            return
        finished = Finished(outcome, result.detail, result.version or None, result.metrics, result.trained_to_ns)
        self._end(request, finished, result)

    def _crashed(self, request: OpenRequest, detail: str) -> None:
        log.error("training %s crashed: %s", request.id, detail)
        self._crashes[request.id] = self._crashes.get(request.id, 0) + 1
        if self._crashes[request.id] >= MOST_CRASHES:
            self._end(request, Finished(TrainingOutcome.FAILED, detail))
        else:
            self._hold(request, self._clock_ns() + int(LAKE_WAIT_S * 1e9), detail)

    def _job(self, request: OpenRequest) -> TrainingJob:
        settings = self._settings
        return TrainingJob(
            request_id=request.id,
            service=request.service,
            reason=request.reason.value,
            data_until_ns=None if request.reason is RetrainReason.REQUESTED else request.asked_ns,
            changed_ns=changed_ns(request.evidence),
            database_url=settings.database_url.get_secret_value(),
            mlflow_url=settings.mlflow_url,
            lake=settings.lake_path,
            artifacts=str(settings.home / "artifacts"),
            cache=str(settings.home / "models"),
            service_labels=settings.service_labels,
            instance_labels=settings.instance_labels,
            default_service=settings.default_service,
            lateness_s=settings.lateness_s,
            alerts_per_entity_week=settings.alerts_per_entity_week,
            min_rows=settings.training_min_rows,
            max_rows=settings.training_max_rows,
            history_s=settings.training_history_s,
        )

    def _cool_down(self, request: OpenRequest, until_ns: int) -> None:
        """Let the request wait for its service's cool-down, counted as a decision."""
        self._hold(request, until_ns, "cooling down after the service's last training")
        decided = decisions.Decided(request.service, TrainingOutcome.COOLING_DOWN.value, {"request": request.id})
        with self._database.transaction() as cursor:
            decisions.record(cursor, "retrain", [decided], self._clock_ns())

    def _hold(self, request: OpenRequest, until_ns: int, detail: str) -> None:
        """Let the request wait; it stays open, so the wish is not lost."""
        with self._database.transaction() as cursor:
            store.postpone(cursor, request.id, until_ns, detail)
        log.info("request %s waits until %s: %s", request.id, to_rfc3339(until_ns), detail)

    def _end(self, request: OpenRequest, finished: Finished, result: JobResult | None = None) -> None:
        """One transaction: the request's outcome, and for a promotion what is served and its announcement."""
        now_ns = self._clock_ns()
        with self._database.transaction() as cursor:
            first = store.finish(cursor, request.id, finished, now_ns)
            if first and result is not None and finished.outcome is TrainingOutcome.PROMOTED:
                served = ServedModel(request.service, result.version, result.sha256, result.artifact, now_ns)
                store.serve(cursor, served, result.metrics, cause=request.id)
            if first:
                detail = {"request": request.id, "detail": finished.detail}
                decided = decisions.Decided(request.service, finished.outcome.value, detail)
                decisions.record(cursor, "retrain", [decided], now_ns)
        self._crashes.pop(request.id, None)
        if first:
            self._trainings.labels(request.service, finished.outcome.value).inc()
            log.info("request %s: %s; %s", request.id, finished.outcome.value, finished.detail)
