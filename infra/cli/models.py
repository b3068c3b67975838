"""`tidewatch models`: the registered versions of every service, and the way back to an earlier one."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from models.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from infra.mlflow.registry import RegisteredVersion, Registry
    from infra.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Models: list the registered versions, roll a service back.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
SEPARATION = "challenger_separation"
ALARM_RATIO = "challenger_alarm_ratio"


@app.command("list", epilog="Examples:  tidewatch models list   ·   tidewatch models list checkout --json")
def list_(
    service: Annotated[str | None, typer.Argument(help="Only this service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Versions of every service, newest first: alias, when and why it was trained, what was decided on it."""
    from infra.settings import load

    registry = _registry(load())
    known = registry.services()
    if service is not None and service not in known:
        raise Misconfigured(f"no model is registered for {service!r}; there are {', '.join(known) or 'none yet'}")
    versions = [v for name in ([service] if service else known) for v in registry.versions(name)]
    if as_json:
        print(json.dumps([_as_json(version) for version in versions], indent=2))
        return
    _print_table(versions)


@app.command(
    epilog="Examples:  tidewatch models rollback checkout   ·   tidewatch models rollback checkout --to 3 --yes"
)
def rollback(
    service: Annotated[str, typer.Argument(help="Whose champion.")],
    to: Annotated[
        str | None, typer.Option("--to", help="Version; default: the one that the champion replaced.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give the champion alias back to an earlier version; workers load it without a restart."""
    from infra.settings import load

    settings = load()
    settings.require("database_url")
    registry = _registry(settings)
    champion = registry.champion(service)
    if champion is None:
        raise Misconfigured(f"{service} has no champion to roll back")
    target = registry.version(service, to) if to is not None else registry.before(champion)
    if target.version == champion.version:
        raise Misconfigured(f"version {champion.version} of {service} is the champion already")
    if not yes:
        if not sys.stdin.isatty():
            raise Misconfigured("a rollback asks before it acts; without a terminal say --yes")
        typer.confirm(f"{service}: champion {champion.version} → {target.version}?", abort=True, err=True)
    _roll_back(settings, registry, champion, target)
    if as_json:
        print(json.dumps({"service": service, "from": champion.version, "to": target.version}))
    else:
        print(f"{service}: version {target.version} is champion again, {champion.version} is not")


def _roll_back(settings: Settings, registry: Registry, champion: RegisteredVersion, target: RegisteredVersion) -> None:
    """Check the file, then move alias, table and announcement, with the service's trainings locked out."""
    from infra.mlflow.model_cache import ModelFiles
    from infra.store import training as store
    from infra.store.advisory_lock import AdvisoryLock
    from infra.store.database import Database
    from models.timestamps import to_rfc3339

    ModelFiles(settings.home / "models", settings.mlflow_url).load(target.version, target.artifact, target.sha256)
    database = Database(settings.database_url.get_secret_value(), application="tidewatch-models")
    lock = AdvisoryLock(database, store.champion_lock(champion.service))
    try:
        if not lock.acquire():
            raise Unavailable("the champion", f"a training of {champion.service} is running; try again when it is over")
        now_ns = time.time_ns()
        served = store.ServedModel(target.service, target.version, target.sha256, target.artifact, now_ns)
        with database.transaction() as cursor:
            store.serve(cursor, served, target.metrics, cause=f"rollback-{uuid.uuid4()}")
            # inside: when MLflow does not answer, nothing of it has happened
            registry.roll_back(champion, target, to_rfc3339(now_ns))
    finally:
        database.close()


def _registry(settings: Settings) -> Registry:
    from infra.mlflow.registry import Registry

    settings.require("mlflow_url")
    return Registry.at(settings.mlflow_url, settings.home / "artifacts")


def _as_json(version: RegisteredVersion) -> dict[str, Any]:
    from infra.mlflow.registry import TAG_DETAIL, TAG_OUTCOME, TAG_PROMOTION, TAG_REASON, TAG_ROLLED_BACK
    from models.timestamps import to_rfc3339

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


def _print_table(versions: list[RegisteredVersion]) -> None:
    from rich.console import Console
    from rich.table import Table

    from infra.terminal import cell

    if not versions:
        print("no model is registered yet: a service gets its first one once it has enough rows")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("service", "version", "alias", "registered", "reason", "separation", "alarm ratio", "why"):
        table.add_column(name, overflow="fold")
    for version in versions:
        row = _as_json(version)
        why = f"rolled back {row['rolled_back_at']}; {row['why']}" if row["rolled_back_at"] else row["why"]
        texts = (
            version.service,
            version.version,
            ", ".join(version.aliases) or "-",
            row["registered_at"],
            row["reason"] or "-",
            _figure(version, SEPARATION),
            _figure(version, ALARM_RATIO),
            why or "-",
        )
        table.add_row(*map(cell, texts))
    Console().print(table)


def _figure(version: RegisteredVersion, name: str) -> str:
    value = version.metrics.get(name)
    return "-" if value is None else f"{value:.3g}"
