"""`tidewatch slo dependencies`: which service calls which, so that a page can name what is wrong upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.database import reading, writing
from infra.cli.tables import show_json

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
    from infra.slo.dependencies import state
    from infra.slo.files import read_dependencies

    calls = read_dependencies(file)
    with writing() as cursor:
        number = state(cursor, calls)
    print(f"{number} dependencies of {len(calls)} services")


@app.command("list", epilog="Example:  tidewatch slo dependencies list --json")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every dependency that is known, and where from."""
    from infra.slo import dependencies

    with reading() as cursor:
        known = dependencies.known(cursor)
    if as_json:
        show_json([dependencies.dependency_json(one) for one in known])
        return
    for one in known:
        print(f"{one.client} -> {one.server} ({one.source.value})")
    if not known:
        print("no dependencies yet: tidewatch slo dependencies apply map.yaml")
