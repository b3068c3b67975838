"""One training, as a process: `python -m infra.training`, a job as JSON on stdin, its result as JSON on stdout.

A process, so that neither MLflow nor scikit-learn is ever in a worker's memory, and so that a training can be ended
by force. It writes to MLflow only: a version with everything about it as tags, then the aliases. What follows in
PostgreSQL is the trainer's to write. Repeating a job finds the version of the first attempt and answers the same.

stdin stays open while the trainer lives: when it closes, nobody waits for the result, and the process ends at once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Final

import msgspec

from infra.lake.lake import LakeReader
from infra.mlflow.model_cache import ModelFiles
from infra.mlflow.registry import (
    TAG_DETAIL,
    TAG_OUTCOME,
    TAG_PROMOTION,
    TAG_REASON,
    TAG_REQUEST,
    TAG_SHA256,
    RegisteredVersion,
    Registry,
)
from infra.store import training as store
from infra.store.database import Database
from infra.training.messages import JobResult, TrainingJob
from models.errors import Misconfigured, Unavailable
from models.reasons import RetrainReason, TrainingOutcome
from models.series import EntityRule
from models.service_model import numpy_seams, sklearn_seams
from models.service_model.model import ModelUnusable, ServiceModel
from models.timestamps import SECOND_NS
from models.training.fit import TooLittleData
from models.training.train import Trained, TrainingOrder, TrainingRules, train
from models.training.triggers import CHANGED

log = logging.getLogger("training")

MAX_SAMPLES: Final = 20_000_000
"""Samples read at most: 400 MB, and twice that while they are sorted. A million rows of 16 features are 16 million."""

EXIT_ORPHANED: Final = 3


def run(job: TrainingJob) -> JobResult:
    """Train, judge, register, and promote where the verdict says so.

    Raises:
        Unavailable: the lake, PostgreSQL or MLflow does not answer; the job can be repeated.
        Misconfigured: an address or a permission is wrong.
    """
    lake = LakeReader(job.lake)
    newest_ns = lake.newest_ns(job.service)
    if newest_ns is None or newest_ns < (job.data_until_ns or newest_ns):
        return JobResult(
            TrainingOutcome.TOO_LITTLE_DATA, detail="the lake does not reach the evidence yet", trained_to_ns=newest_ns
        )
    registry = Registry.at(job.mlflow_url, Path(job.artifacts))
    earlier = registry.of_request(job.service, job.request_id)
    if earlier is not None:
        log.info("version %s is from an earlier attempt at this request", earlier.version)
        return _settle(registry, earlier, newest_ns)
    try:
        trained = _train(job, lake, registry, newest_ns)
    except TooLittleData as error:
        return JobResult(TrainingOutcome.TOO_LITTLE_DATA, detail=str(error), trained_to_ns=newest_ns)
    return _settle(registry, _register(registry, job, trained), newest_ns)


def _train(job: TrainingJob, lake: LakeReader, registry: Registry, newest_ns: int) -> Trained:
    from_ns, to_ns = newest_ns - int(job.history_s * SECOND_NS), newest_ns + 1
    samples = lake.read(job.service, from_ns, to_ns, MAX_SAMPLES)
    log.info("%d samples of %d series", len(samples), len(samples.series_ids))
    reason = RetrainReason(job.reason)
    database = Database(job.database_url, application="tidewatch-training")
    try:
        with database.transaction() as cursor:
            incidents = store.incident_windows(
                cursor, job.service, from_ns, to_ns, with_open_episodes=reason not in CHANGED
            )
    finally:
        database.close()
    order = TrainingOrder(job.service, job.request_id, reason, job.changed_ns, tuple(incidents))
    rules = TrainingRules(
        EntityRule(job.service_labels, job.instance_labels, job.default_service),
        job.lateness_s,
        job.alerts_per_entity_week,
        job.min_rows,
        job.max_rows,
    )
    trained = train(samples, order, _champion(job, registry), rules)
    for seam in (numpy_seams.SEAM, sklearn_seams.SEAM):
        if text := seam.warning():
            log.warning("%s", text)
    log.info("%d quiet rows: %s", trained.quiet_rows, trained.verdict.sentence)
    return trained


def _champion(job: TrainingJob, registry: Registry) -> ServiceModel | None:
    """The present champion; None where there is none, or where its file is damaged and it cannot serve anywhere."""
    champion = registry.champion(job.service)
    if champion is None:
        return None
    try:
        body = ModelFiles(Path(job.cache), job.mlflow_url).fetch(champion.artifact, champion.sha256)
        return ServiceModel.from_bytes(body).with_version(champion.version)
    except ModelUnusable as error:
        log.warning("champion %s cannot be judged: %s", champion.version, error)
        return None


def _register(registry: Registry, job: TrainingJob, trained: Trained) -> RegisteredVersion:
    body = trained.model.to_bytes()
    model, verdict = trained.model, trained.verdict
    return registry.register(
        job.service,
        body,
        params={
            "reason": job.reason,
            "features": len(model.features),
            "interval_s": model.interval_s,
            "trained_from_ns": model.trained_from_ns,
            "trained_to_ns": model.trained_to_ns,
        },
        metrics={
            **verdict.figures,
            "quiet_rows": float(trained.quiet_rows),
            "left_out_incident_rows": float(trained.incident_rows),
            "left_out_anomalous_rows": float(trained.anomalous_rows),
        },
        tags={
            TAG_SHA256: hashlib.sha256(body).hexdigest(),
            TAG_REQUEST: job.request_id,
            TAG_REASON: job.reason,
            TAG_OUTCOME: verdict.outcome.value,
            TAG_PROMOTION: verdict.reason.value,
            TAG_DETAIL: verdict.sentence,
        },
    )


def _settle(registry: Registry, version: RegisteredVersion, newest_ns: int) -> JobResult:
    """Move the alias where the verdict on the version says so; the result that follows from its tags."""
    outcome = TrainingOutcome(version.tags[TAG_OUTCOME])
    if outcome is TrainingOutcome.PROMOTED:
        registry.promote(version)
    return JobResult(
        outcome=outcome,
        reason=version.tags.get(TAG_PROMOTION, ""),
        detail=version.tags[TAG_DETAIL],
        version=version.version,
        sha256=version.sha256,
        artifact=version.artifact,
        metrics=dict(version.metrics),
        trained_to_ns=newest_ns,
    )


def _end_with_parent() -> None:
    """Block until stdin closes, then end the process at once, whatever it is doing."""
    # unbuffered: Python aborts at its end when a thread holds the lock of a buffered stream
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(EXIT_ORPHANED)


def main() -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    # libraries that print to stdout must not get between us and the one line that the trainer reads
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=TrainingJob)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        result = run(job)
    except Unavailable as error:
        result = JobResult(unavailable=error.dependency, detail=error.detail)
    except Misconfigured as error:
        result = JobResult(TrainingOutcome.FAILED, detail=str(error))
    answer.write(msgspec.json.encode(result) + b"\n")
    answer.flush()
    # not sys.exit: MLflow leaves threads behind that nobody has to wait for
    os._exit(0)
