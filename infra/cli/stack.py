"""`tidewatch up`, `down` and `status`."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from infra.local.background import start_supervisor, stop_supervisor
from infra.local.processes.ports import LOOPBACK, answers
from infra.local.stack_file import read_stack_file, supervisor_pid
from infra.local.supervisor import notifications_file
from infra.settings import home_folder

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MIB = 1 << 20


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
    supervisor = supervisor_pid(home)
    noted = read_stack_file(home) if supervisor is not None else {"addresses": {}, "processes": {}}
    processes = {name: process_state(process) for name, process in noted["processes"].items()}
    well = supervisor is not None and all(process["state"] != "down" for process in processes.values())
    if as_json:
        addresses = {name: without_password(address) for name, address in noted["addresses"].items()}
        typer.echo(
            json.dumps({"home": str(home), "supervisor": supervisor, "addresses": addresses, "processes": processes})
        )
    elif supervisor is None:
        Console(highlight=False).print(f"no stack runs in {home}; `tidewatch up` starts it")
    else:
        Console(highlight=False).print(_table(home, processes))
    raise typer.Exit(0 if well else 1)


def process_state(noted: dict[str, Any]) -> dict[str, Any]:
    """What is known of one process of the stack: state (`ready`, `starting`, `down`), address, pid, age, memory."""
    state = {"state": "down", **noted, "age_s": None, "memory_mib": None}
    try:
        process = psutil.Process(noted["pid"])
        with process.oneshot():
            if process.status() != psutil.STATUS_ZOMBIE:
                state["age_s"] = round(time.time() - process.create_time(), 1)
                state["memory_mib"] = round(process.memory_info().rss / MIB)
                state["state"] = "ready" if answers(int(noted["address"].rpartition(":")[2])) else "starting"
    except psutil.NoSuchProcess:
        pass
    return state


def without_password(address: str) -> str:
    """An address as it may be shown.

    >>> without_password("postgresql://tidewatch:secret@127.0.0.1:5432/tidewatch")
    'postgresql://tidewatch:***@127.0.0.1:5432/tidewatch'
    >>> without_password("127.0.0.1:9092")
    '127.0.0.1:9092'
    """
    scheme, separator, rest = address.rpartition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}:***@{host}" if at else address


def _table(home: Path, processes: dict[str, dict[str, Any]]) -> Table:
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
