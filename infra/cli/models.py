"""`tidewatch models`: the registered versions of every service, and the way back to an earlier one."""

from __future__ import annotations

import json
import sys
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.tables import show_json
from models.errors import Misconfigured

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
    from infra.mlflow.versions import version_json, versions
    from infra.settings import load

    found = versions(_registry(load()), service)
    if as_json:
        show_json([version_json(version) for version in found])
        return
    _print_table(found)


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
    from infra.mlflow.model_cache import ModelFiles
    from infra.mlflow.versions import roll_back, rollback_json, rollback_to
    from infra.settings import load
    from infra.store.database import Database

    settings = load()
    settings.require("database_url")
    registry = _registry(settings)
    wanted = rollback_to(registry, service, to)
    champion, target = wanted.champion, wanted.target
    if not yes:
        if not sys.stdin.isatty():
            raise Misconfigured("a rollback asks before it acts; without a terminal say --yes")
        typer.confirm(f"{service}: champion {champion.version} → {target.version}?", abort=True, err=True)
    files = ModelFiles(settings.home / "models", settings.mlflow_url)
    with closing(Database(settings.database_url.get_secret_value(), application="tidewatch-models")) as database:
        roll_back(registry, files, database, wanted, cause=f"rollback-{uuid.uuid4()}", now_ns=time.time_ns())
    if as_json:
        print(json.dumps(rollback_json(wanted)))
    else:
        print(f"{service}: version {target.version} is champion again, {champion.version} is not")


def _registry(settings: Settings) -> Registry:
    from infra.mlflow.registry import Registry

    settings.require("mlflow_url")
    return Registry.at(settings.mlflow_url, settings.home / "artifacts")


def _print_table(versions: list[RegisteredVersion]) -> None:
    from rich.console import Console
    from rich.table import Table

    from infra.mlflow.versions import version_json
    from infra.terminal import cell

    if not versions:
        print("no model is registered yet: a service gets its first one once it has enough rows")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("service", "version", "alias", "registered", "reason", "separation", "alarm ratio", "why"):
        table.add_column(name, overflow="fold")
    for version in versions:
        row = version_json(version)
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
