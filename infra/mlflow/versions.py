"""The registered versions of every service, and the way back to an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.mlflow.model_cache import ModelFiles
from infra.mlflow.registry import (
    TAG_DETAIL,
    TAG_OUTCOME,
    TAG_PROMOTION,
    TAG_REASON,
    TAG_ROLLED_BACK,
    RegisteredVersion,
    Registry,
)
from infra.store import training as store
from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from models.errors import Misconfigured, Unavailable
from models.timestamps import to_rfc3339


@dataclass(frozen=True, slots=True)
class Rollback:
    """A service's champion and the version that is to take its place."""

    champion: RegisteredVersion
    target: RegisteredVersion


def versions(registry: Registry, service: str | None = None) -> list[RegisteredVersion]:
    """Versions of one service or of all, newest first.

    Raises:
        Misconfigured: no model is registered for the service.
        Unavailable: MLflow does not answer.
    """
    known = registry.services()
    if service is not None and service not in known:
        raise Misconfigured(f"no model is registered for {service!r}; there are {', '.join(known) or 'none yet'}")
    return [version for name in ([service] if service else known) for version in registry.versions(name)]


def rollback_to(registry: Registry, service: str, number: str | None = None) -> Rollback:
    """What rolling a service back would do: to a version, or to the one that the champion replaced.

    Raises:
        Misconfigured: there is no champion, no such version, or it is the champion already.
        Unavailable: MLflow does not answer.
    """
    champion = registry.champion(service)
    if champion is None:
        raise Misconfigured(f"{service} has no champion to roll back")
    target = registry.version(service, number) if number is not None else registry.before(champion)
    if target.version == champion.version:
        raise Misconfigured(f"version {champion.version} of {service} is the champion already")
    return Rollback(champion, target)


def roll_back(
    registry: Registry, files: ModelFiles, database: Database, wanted: Rollback, *, cause: str, now_ns: int
) -> None:
    """Check the file, then move alias, table and announcement, with the service's trainings locked out.

    Args:
        cause: id of what led to it; another rollback has another.

    Raises:
        Unavailable: a training of the service is running, or a dependency is away; then nothing has happened.
        ModelUnusable: the version's file is not the one on record.
    """
    champion, target = wanted.champion, wanted.target
    files.load(target.version, target.artifact, target.sha256)
    lock = AdvisoryLock(database, store.champion_lock(champion.service))
    if not lock.acquire():
        raise Unavailable("the champion", f"a training of {champion.service} is running; try again when it is over")
    try:
        served = store.ServedModel(target.service, target.version, target.sha256, target.artifact, now_ns)
        with database.transaction() as cursor:
            store.serve(cursor, served, target.metrics, cause=cause)
            # inside: when MLflow does not answer, nothing of it has happened
            registry.roll_back(champion, target, to_rfc3339(now_ns))
    finally:
        lock.release()


def version_json(version: RegisteredVersion) -> dict[str, Any]:
    """`version` as JSON is made of."""
    return {
        "service": version.service,
        "version": version.version,
        "aliases": list(version.aliases),
        "registered_at": to_rfc3339(version.created_ns),
        "reason": version.tags.get(TAG_REASON),
        "outcome": version.tags.get(TAG_OUTCOME),
        "promotion": version.tags.get(TAG_PROMOTION),
        "why": version.tags.get(TAG_DETAIL),
        "rolled_back_at": version.tags.get(TAG_ROLLED_BACK),
        "metrics": dict(version.metrics),
        "sha256": version.sha256,
        "artifact": version.artifact,
    }


def rollback_json(done: Rollback) -> dict[str, Any]:
    """`done` as JSON is made of."""
    return {"service": done.champion.service, "from": done.champion.version, "to": done.target.version}
