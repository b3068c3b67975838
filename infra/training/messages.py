"""What the trainer and its process say to each other; apart, so that the trainer imports nothing of what that needs."""

from __future__ import annotations

import msgspec


class TrainingJob(msgspec.Struct, frozen=True):
    """What to train and where everything is.

    Attributes:
        data_until_ns: event time that the lake has to reach; None where any will do. changed_ns: as in `TrainingOrder`.
        artifacts: folder for model files where MLflow has no server. cache: folder of fetched model files.
        history_s: how far back from the newest sample the history reaches.
    """

    request_id: str
    service: str
    reason: str
    data_until_ns: int | None
    changed_ns: int | None
    database_url: str
    mlflow_url: str
    lake: str
    artifacts: str
    cache: str
    service_labels: tuple[str, ...]
    instance_labels: tuple[str, ...]
    default_service: str
    lateness_s: float
    alerts_per_entity_week: float
    min_rows: int
    max_rows: int
    history_s: float


class JobResult(msgspec.Struct, frozen=True):
    """How a job ended.

    Attributes:
        outcome: a member of `TrainingOutcome`; empty where the job could not be done now (`unavailable`).
        reason: a member of `PromotionReason`; empty where nothing was judged.
        unavailable: the dependency that did not answer; empty otherwise.
        detail: a sentence for people.
        version, sha256, artifact: of what was registered; empty where nothing was.
        trained_to_ns: newest event time that the lake had; None where it had nothing.
    """

    outcome: str = ""
    reason: str = ""
    unavailable: str = ""
    detail: str = ""
    version: str = ""
    sha256: str = ""
    artifact: str = ""
    metrics: dict[str, float] = {}
    trained_to_ns: int | None = None
