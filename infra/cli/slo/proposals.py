"""`tidewatch slo proposals`: changes of SLOs that feedback asks for, to accept or refuse."""

from __future__ import annotations

import getpass
import time
from typing import Annotated

import typer

from infra.cli.database import reading, writing
from infra.cli.tables import differences, show_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Changes of SLOs that feedback on their alerts asks for. Nothing changes unless somebody accepts.",
)

Number = Annotated[int, typer.Argument(help="As `tidewatch slo proposals list` shows it.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; default: the user.")]


@app.command("list", epilog="Example:  tidewatch slo proposals list --all --json")
def list_(
    with_closed: Annotated[bool, typer.Option("--all", help="Those that were decided on, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What is proposed, why, and what it would change. Exit code 1 while something is open."""
    from infra.slo.proposals import known_proposals, proposal_json

    with reading() as cursor:
        found = known_proposals(cursor, with_closed=with_closed)
    if as_json:
        show_json([proposal_json(proposal) for proposal in found])
    for proposal in () if as_json else found:
        print(f"{proposal.id:>4} {proposal.slo_name} ({proposal.state.value}): {proposal.reason}")
        for line in differences(proposal.before, proposal.after):
            print(f"       {line}")
    if not found and not as_json:
        print("nothing is proposed")
    if any(proposal.state.value == "open" for proposal in found):
        raise typer.Exit(1)


@app.command(epilog="Example:  tidewatch slo proposals accept 3")
def accept(number: Number, by: By = None) -> None:
    """Put a proposal into force, as `tidewatch slo apply` would; it is in the SLO's history."""
    from infra.slo import proposals as slo_proposals

    with writing() as cursor:
        proposal = slo_proposals.accept(cursor, number, decided_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{proposal.slo_name}: changed. Bring the change into your SLO files, or the next apply takes it back")


@app.command(epilog="Example:  tidewatch slo proposals refuse 3")
def refuse(number: Number, by: By = None) -> None:
    """Close a proposal; the same is not proposed again."""
    from infra.slo import proposals as slo_proposals

    with writing() as cursor:
        proposal = slo_proposals.refuse(cursor, number, decided_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{proposal.slo_name}: stays as it is")
