"""`tidewatch slo apply, list, history`: OpenSLO files into force, what is in force, who changed what."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import reading, writing
from infra.cli.tables import differences, show_json, show_table

if TYPE_CHECKING:
    from infra.store.slo.definitions import HistoryEntry

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this, for the history; default: the user.")]


def apply(
    paths: Annotated[list[Path], typer.Argument(help="OpenSLO v1 files, or folders of .yaml and .yml files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove SLOs that the files do not contain.")] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Bring the SLOs in force to what the files say: all of it, or nothing where anything is wrong.

    Workers pick changes up without a restart.
    """
    from infra.slo import definitions
    from infra.slo.files import read_definitions
    from infra.store.slo.definitions import ChangeKind

    wanted = read_definitions(paths)
    with writing() as cursor:
        found = definitions.apply(cursor, wanted, by=by or getpass.getuser(), prune=prune, dry_run=dry_run)
    if as_json:
        show_json(definitions.applied_json(found))
        return
    for change in found.changes:
        print(f"{change.name}: {'would be ' if dry_run else ''}{change.kind.value}")
        if change.kind is ChangeKind.CHANGED:
            for line in differences(change.before, change.after):
                print(f"  {line}")
    for text in found.warnings:
        typer.echo(f"warning: {text}", err=True)


def list_(as_json: AsJson = False) -> None:
    """The SLOs in force and the burn rates they alert at."""
    from infra.slo.definitions import in_force
    from models.slo.windows import window_name

    with reading() as cursor:
        slos = in_force(cursor)
    if as_json:
        show_json([slo.document() for slo in slos])
        return
    rows = []
    for slo in slos:
        pairs = slo.pairs
        alerts = ", ".join(f"{p.severity.value} {p.factor:.3g}× {p.name}/{window_name(p.short_s)}" for p in pairs)
        rows.append((slo.name, slo.service, f"{slo.target_ratio * 100:.6g}%", slo.window.text, alerts))
    show_table(("SLO", "service", "target", "period", "alerts"), rows, empty="no SLOs yet: tidewatch slo apply slos/")


def history(name: Annotated[str | None, typer.Argument(help="Only this SLO.")] = None, as_json: AsJson = False) -> None:
    """Every change of an SLO: who, when, before and after; the newest first."""
    from infra.slo import definitions
    from models.timestamps import to_rfc3339

    with reading() as cursor:
        found = definitions.history(cursor, name)
    if as_json:
        show_json([definitions.history_json(entry) for entry in found])
        return
    for entry in found:
        lines = [] if entry.before is None or entry.after is None else differences(entry.before, entry.after)
        print(f"{to_rfc3339(entry.changed_ns)} {entry.slo_name}: {_what(entry)} by {entry.changed_by}")
        for line in lines:
            print(f"  {line}")
    if not found:
        print("nothing has changed yet")


def _what(entry: HistoryEntry) -> str:
    before, after = entry.before, entry.after
    one = after or before or {}
    if "exception" in one:
        return f"{one['kind']} {one['exception']} {'made' if before is None else 'ended'}"
    return "created" if before is None else "removed" if after is None else "changed"


def register(app: typer.Typer) -> None:
    """Make them commands of `tidewatch slo`."""
    app.command(
        epilog="Examples:  tidewatch slo apply slos/   ·   tidewatch slo apply checkout.yaml --dry-run   ·   "
        "tidewatch slo apply slos/ --prune --by ann"
    )(apply)
    app.command("list", epilog="Examples:  tidewatch slo list   ·   tidewatch slo list --json")(list_)
    app.command(epilog="Examples:  tidewatch slo history checkout-latency   ·   tidewatch slo history --json")(history)
