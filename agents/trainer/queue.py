"""What becomes of an open training request: trained, held back with a reason, or answered by a training that was.

Blocking code on a thread of its own; the trainer agent calls `turn` over and over. Per service one worker at a time:
the service's advisory lock is held by this thread's connection from the decision to the end of the request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from infra.clock import Clock
from infra.settings import Settings
from infra.store import decisions
from infra.store import training as store
from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from infra.store.training import Finished, OpenRequest, ServedModel
from infra.training.messages import JobResult, TrainingJob
from infra.training.process import TrainingCrashed, TrainingProcess
from models.names import Metric
from models.reasons import PromotionReason, RetrainReason, RetrainStep, TrainingOutcome
from models.timestamps import to_rfc3339
from models.training.queue import Asked, Step, after_crash, after_training, next_step
from models.training.triggers import changed_ns

log = logging.getLogger(__name__)

SAID: Final = {
    RetrainStep.COOLING_DOWN: "cooling down after the service's last training",
    RetrainStep.PAGING: "an SLO of the service pages: no new normal to learn",
    RetrainStep.HAS_CHAMPION: "the service has a champion by now",
}
"""What a request says that waits or ends; other steps have a sentence of their own."""


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
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._database = database
        self._process = process
        self._probe = probe
        self._clock = clock
        self._crashes: dict[str, int] = {}
        self._trainings = Counter(
            Metric.TRAININGS.value.removesuffix("_total"),
            "Training requests by how they ended, and why.",
            ["service", "outcome", "reason"],
            registry=registry,
        )

    def turn(self) -> bool:
        """Bring the oldest request that can be brought further one step further; False where there is none.

        Raises:
            Unavailable: PostgreSQL, MLflow or the lake does not answer; the request stays open.
        """
        with self._database.transaction() as cursor:
            requests = store.due(cursor, self._clock.now_ns())
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
        now_ns = self._clock.now_ns()
        with self._database.transaction() as cursor:
            if not store.is_open(cursor, request.id):
                return False
            last = store.last_training(cursor, request.service)
            has_champion = any(served.service == request.service for served in store.serving(cursor))
            paging = store.is_paging(cursor, request.service)
        step = next_step(
            Asked(request.reason, request.asked_ns),
            last,
            has_champion=has_champion,
            paging=paging,
            now_ns=now_ns,
            cooldown_s=self._settings.retrain_cooldown_s,
        )
        if step.reason is RetrainStep.TRAIN:
            self._train(request)
        elif step.reason is RetrainStep.SEEN_BY_LAST_TRAINING and last is not None:
            self._follow(request, step, f"training {last.id} saw what this is about")
        else:
            self._follow(request, step, SAID[step.reason])
        return True

    def _train(self, request: OpenRequest) -> None:
        self._probe()
        with self._database.transaction() as cursor:
            store.start(cursor, request.id, self._clock.now_ns())
        log.info("training %s for %s (%s)", request.service, request.reason.value, request.id)
        try:
            result = self._process.run(self._job(request))
        except TrainingCrashed as error:
            log.error("training %s crashed: %s", request.id, error)
            self._crashes[request.id] = self._crashes.get(request.id, 0) + 1
            self._follow(request, after_crash(self._crashes[request.id], self._clock.now_ns()), str(error))
            return
        outcome = TrainingOutcome(result.outcome)
        step = after_training(
            Asked(request.reason, request.asked_ns),
            outcome,
            result.trained_to_ns,
            attempts=request.attempts,
            now_ns=self._clock.now_ns(),
        )
        if step is not None:
            self._follow(request, step, result.detail)
            return
        finished = Finished(
            outcome,
            result.detail,
            PromotionReason(result.reason) if result.reason else None,
            result.version or None,
            result.metrics,
            result.trained_to_ns,
        )
        self._end(request, finished, finished.reason.value if finished.reason else "", result)

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

    def _follow(self, request: OpenRequest, step: Step, detail: str) -> None:
        """Let the request wait or end, as its step says; one that waits stays open."""
        if step.until_ns is None:
            failed = step.reason is RetrainStep.KEEPS_CRASHING
            outcome = TrainingOutcome.FAILED if failed else TrainingOutcome.SUPERSEDED
            self._end(request, Finished(outcome, detail), step.reason.value)
            return
        with self._database.transaction() as cursor:
            store.postpone(cursor, request.id, step.until_ns, detail)
            decided = decisions.Decided(request.service, step.reason.value, {"request": request.id})
            decisions.record(cursor, "retrain", [decided], self._clock.now_ns())
        log.info("request %s waits until %s: %s", request.id, to_rfc3339(step.until_ns), detail)

    def _end(self, request: OpenRequest, finished: Finished, reason: str, result: JobResult | None = None) -> None:
        """One transaction: the request's outcome, and for a promotion what is served and its announcement.

        Args:
            reason: a member of `PromotionReason` or `RetrainStep`, for the metric; empty where neither decided.
        """
        now_ns = self._clock.now_ns()
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
            self._trainings.labels(request.service, finished.outcome.value, reason).inc()
            log.info("request %s: %s; %s", request.id, finished.outcome.value, finished.detail)
