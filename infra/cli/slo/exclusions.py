"""`tidewatch slo pause, resume, silence, maintenance, exceptions, end`: times in which an SLO is held."""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import reading, writing
from infra.cli.tables import show_json
from models.moments import duration_ns, moment_ns

if TYPE_CHECKING:
    from models.slo.exclusions import SloExclusion

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this, for the history; default: the user.")]
Name = Annotated[str, typer.Argument(help="The SLO.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for who finds it later.")]


def pause(name: Name, reason: Reason = "", by: By = None) -> None:
    """Let what happens from now on neither alert nor spend budget, until `tidewatch slo resume`."""
    from infra.slo import exclusions

    with writing() as cursor:
        made = exclusions.pause(cursor, name, reason=reason, made_by=by or getpass.getuser(), now_ns=time.time_ns())
    _say(made)


def resume(name: Name, by: By = None) -> None:
    """End the pause of an SLO; what happened meanwhile stays excluded from its budget."""
    from infra.slo import exclusions

    with writing() as cursor:
        exclusions.resume(cursor, name, ended_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{name}: counts and alerts again")


def silence(
    name: Name,
    lasts: Annotated[str, typer.Option("--for", help="How long, such as 90m or 2d.")],
    reason: Reason = "",
    by: By = None,
) -> None:
    """Let an SLO not alert for a while; what happens still spends its budget."""
    from infra.slo import exclusions

    lasts_ns, who = duration_ns(lasts), by or getpass.getuser()
    with writing() as cursor:
        made = exclusions.silence(cursor, name, lasts_ns, reason=reason, made_by=who, now_ns=time.time_ns())
    _say(made)


def maintenance(
    name: Name,
    start: Annotated[str, typer.Option("--from", help="RFC 3339, or -2h and +2h from now.")],
    end: Annotated[str, typer.Option("--to", help="... until.")],
    reason: Reason = "",
    by: By = None,
) -> None:
    """Exclude a window from the budget, past or to come; nothing alerts while it lasts."""
    from infra.slo import exclusions

    now_ns, who = time.time_ns(), by or getpass.getuser()
    start_ns, end_ns = moment_ns(start, now_ns), moment_ns(end, now_ns)
    with writing() as cursor:
        made = exclusions.maintenance(cursor, name, start_ns, end_ns, reason=reason, made_by=who, now_ns=now_ns)
    _say(made)


def exceptions(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is paused, silenced or in maintenance, now or to come."""
    from infra.slo import exclusions

    with reading() as cursor:
        shown = exclusions.exclusions(cursor, time.time_ns(), with_past=everything)
    if as_json:
        show_json([exclusions.exclusion_json(one) for one in shown])
        return
    for one in shown:
        print(f"{one.id:>4} {exclusion_text(one)}")
    if not shown:
        print("every SLO counts and alerts")


def end(number: Annotated[int, typer.Argument(help="As `tidewatch slo exceptions` shows it.")], by: By = None) -> None:
    """End an exception now, or call off one that has not begun."""
    from infra.slo import exclusions

    with writing() as cursor:
        one = exclusions.end(cursor, number, ended_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{one.slo_name}: {one.kind.value} {one.id} is over")


def _say(made: SloExclusion) -> None:
    print(f"{made.id:>4} {exclusion_text(made)}")


def exclusion_text(one: SloExclusion) -> str:
    """`checkout-latency: maintenance from 10:00 to 12:00 by ann: new disks`."""
    from models.timestamps import to_rfc3339

    until = "until it is resumed" if one.end_ns is None else f"to {to_rfc3339(one.end_ns)}"
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.slo_name}: {one.kind.value} from {to_rfc3339(one.start_ns)} {until} by {one.made_by}{reason}"


def register(app: typer.Typer) -> None:
    """Make them commands of `tidewatch slo`."""
    app.command(epilog="Example:  tidewatch slo pause checkout-latency --reason 'being rebuilt'")(pause)
    app.command(epilog="Example:  tidewatch slo resume checkout-latency")(resume)
    app.command(epilog="Example:  tidewatch slo silence checkout-latency --for 2h --reason 'fix is out'")(silence)
    app.command(
        epilog="Examples:  tidewatch slo maintenance checkout-latency --from 2026-12-01T22:00:00Z "
        "--to 2026-12-02T00:00:00Z   ·   tidewatch slo maintenance checkout-latency --from -40m --to -0s"
    )(maintenance)
    app.command(epilog="Example:  tidewatch slo exceptions --all")(exceptions)
    app.command(epilog="Example:  tidewatch slo end 7")(end)
