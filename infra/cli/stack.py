"""`tidewatch up`, `down` and `status`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infra.local.background import start_supervisor, stop_supervisor
from infra.local.processes.ports import LOOPBACK
from infra.local.stack_file import read_stack_file
from infra.local.status import stack_status, status_json, without_password
from infra.local.supervisor import notifications_file
from infra.settings import home_folder

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def up(
    workers: Annotated[bool, typer.Option(help="Run the workers too.")] = True,
    mlflow: Annotated[bool, typer.Option(help="Run MLflow's server; without it its database is used directly.")] = True,
) -> None:
    """Start Kafka, PostgreSQL, Prometheus, Alertmanager, MLflow and the workers in the background."""
    home, console = home_folder(), Console(highlight=False)
    options = [*([] if workers else ["--no-workers"]), *([] if mlflow else ["--no-mlflow"])]
    if not start_supervisor(home, console.print, options):
        console.print(f"the stack in {home} already runs; `tidewatch status` shows it")
        return
    for name, address in read_stack_file(home)["addresses"].items():
        console.print(f"  {name:<16} {without_password(address)}")
    console.print(f"  {'notifications':<16} {notifications_file(home)}")
    console.print("first sample: `tidewatch produce host`, or what you have (docs/connect); then `tidewatch entities`")


def down() -> None:
    """Stop the embedded stack; its data stays."""
    home, console = home_folder(), Console(highlight=False)
    if not stop_supervisor(home, console.print):
        console.print(f"no stack runs in {home}")


def status(as_json: JsonOption = False) -> None:
    """What of the embedded stack runs, and where; exit 1 when it does not run or something in it does not."""
    home = home_folder()
    found = stack_status(home, time.time())
    if as_json:
        typer.echo(json.dumps(status_json(found)))
    elif found.supervisor is None:
        Console(highlight=False).print(f"no stack runs in {home}; `tidewatch up` starts it")
    else:
        Console(highlight=False).print(_table(home, found.processes))
    raise typer.Exit(0 if found.well else 1)


def _table(home: Path, processes: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title=f"stack in {home}", title_justify="left", box=None, pad_edge=False)
    for heading in ("service", "state", "address", "pid", "up", "MiB", "restarts", ""):
        table.add_column(heading, justify="right" if heading in {"pid", "up", "MiB", "restarts"} else "left")
    colours = {"ready": "green", "starting": "yellow", "down": "red"}
    for name, process in processes.items():
        age_s = process["age_s"]
        table.add_row(
            name,
            f"[{colours[process['state']]}]{process['state']}[/]",
            str(process["address"]).replace(f"{LOOPBACK}:", ":"),
            str(process["pid"]),
            "" if age_s is None else str(timedelta(seconds=round(age_s))),
            str(process["memory_mib"] or ""),
            str(process["restarts"]),
            process["note"],
        )
    return table
