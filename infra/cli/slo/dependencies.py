"""`tidewatch slo dependencies`: which service calls which, so that a page can name what is wrong upstream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.database import reading, writing
from models.errors import Misconfigured

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Which service calls which: from a file, and learned from traces_service_graph_request_total.",
)


@app.command(
    epilog="The file:  dependencies: {checkout: [payments, search], payments: [ledger]}   ·   "
    "Example:  tidewatch slo dependencies apply map.yaml"
)
def apply(
    file: Annotated[Path, typer.Argument(help="YAML: under `dependencies`, each service with what it calls.")],
) -> None:
    """Make the file's dependencies those in force; what traces showed stays."""
    from infra.store.slo import dependencies
    from models.slo.causes.dependencies import parse_dependencies

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: {error}") from error
    calls = parse_dependencies(text, str(file))
    with writing() as cursor:
        dependencies.replace_file(cursor, calls)
    print(f"{sum(map(len, calls.values()))} dependencies of {len(calls)} services")


@app.command("list", epilog="Example:  tidewatch slo dependencies list --json")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every dependency that is known, and where from."""
    from infra.store.slo import dependencies

    with reading() as cursor:
        known = dependencies.load(cursor)
    if as_json:
        print(json.dumps([{"client": d.client, "server": d.server, "source": d.source.value} for d in known], indent=2))
        return
    for one in known:
        print(f"{one.client} -> {one.server} ({one.source.value})")
    if not known:
        print("no dependencies yet: tidewatch slo dependencies apply map.yaml")
