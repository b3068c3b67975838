"""`tidewatch check`: the configuration and every connection."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.check import Finding, check_all, finding_json
from infra.terminal import cell


def command(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Test the configuration and every connection; exit 1 when one of them fails."""
    findings = list(check_all())
    if as_json:
        typer.echo(json.dumps([finding_json(finding) for finding in findings], indent=1))
    else:
        _show(findings)
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "result", "detail", "what to do"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        result = cell("ok", "green") if finding.ok else cell("failed", "red")
        table.add_row(cell(finding.what), result, cell(finding.detail), cell(finding.advice))
    Console(highlight=False).print(table)
