"""`tidewatch slo history, pause, resume, silence, maintenance, exceptions, end`: who changed what, and what is held."""

from __future__ import annotations

import getpass
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.database import reading, writing
from models.errors import Misconfigured
from models.moments import duration_ns, moment_ns

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from models.slo.exclusions import ExceptionKind, SloException

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this, for the history; default: the user.")]
Name = Annotated[str, typer.Argument(help="The SLO.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for who finds it later.")]


def history(name: Annotated[str | None, typer.Argument(help="Only this SLO.")] = None, as_json: AsJson = False) -> None:
    """Every change of an SLO: who, when, before and after; the newest first."""
    from infra.cli.tables import differences
    from infra.store.slo.definitions import history as read
    from models.timestamps import to_rfc3339

    with reading() as cursor:
        found = read(cursor, name)
    if name is not None and not found:
        raise Misconfigured(f"there never was an SLO called {name!r}; see `tidewatch slo list`")
    if as_json:
        told = [
            {
                "slo": entry.slo_name,
                "at": to_rfc3339(entry.changed_ns),
                "by": entry.changed_by,
                "before": entry.before,
                "after": entry.after,
            }
            for entry in found
        ]
        print(json.dumps(told, indent=2))
        return
    for entry in found:
        lines = [] if entry.before is None or entry.after is None else differences(entry.before, entry.after)
        what = _kind(entry.before, entry.after)
        print(f"{to_rfc3339(entry.changed_ns)} {entry.slo_name}: {what} by {entry.changed_by}")
        for line in lines:
            print(f"  {line}")
    if not found:
        print("nothing has changed yet")


def _kind(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    one = after or before or {}
    if "exception" in one:
        return f"{one['kind']} {one['exception']} {'made' if before is None else 'ended'}"
    return "created" if before is None else "removed" if after is None else "changed"


def pause(name: Name, reason: Reason = "", by: By = None) -> None:
    """Let what happens from now on neither alert nor spend budget, until `tidewatch slo resume`."""
    from models.slo.exclusions import ExceptionKind

    now_ns = time.time_ns()
    _make(name, ExceptionKind.PAUSE, now_ns, None, reason=reason, by=by)


def resume(name: Name, by: By = None) -> None:
    """End the pause of an SLO; what happened meanwhile stays excluded from its budget."""
    from infra.slo import exclusions as slo_exceptions

    with writing() as cursor:
        slo_exceptions.resume(cursor, name, ended_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{name}: counts and alerts again")


def silence(
    name: Name,
    lasts: Annotated[str, typer.Option("--for", help="How long, such as 90m or 2d.")],
    reason: Reason = "",
    by: By = None,
) -> None:
    """Let an SLO not alert for a while; what happens still spends its budget."""
    from models.slo.exclusions import ExceptionKind

    now_ns = time.time_ns()
    _make(name, ExceptionKind.SILENCE, now_ns, now_ns + duration_ns(lasts), reason=reason, by=by)


def maintenance(
    name: Name,
    start: Annotated[str, typer.Option("--from", help="RFC 3339, or -2h and +2h from now.")],
    end: Annotated[str, typer.Option("--to", help="... until.")],
    reason: Reason = "",
    by: By = None,
) -> None:
    """Exclude a window from the budget, past or to come; nothing alerts while it lasts."""
    from models.slo.exclusions import ExceptionKind

    now_ns = time.time_ns()
    start_ns, end_ns = moment_ns(start, now_ns), moment_ns(end, now_ns)
    _make(name, ExceptionKind.MAINTENANCE, start_ns, end_ns, reason=reason, by=by)


def exceptions(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """What is paused, silenced or in maintenance, now or to come."""
    from infra.store.slo import exclusions as slo_exceptions

    now_ns = time.time_ns()
    with reading() as cursor:
        found = [one for mine in slo_exceptions.load(cursor).values() for one in mine]
    shown = [one for one in found if everything or one.end_ns is None or one.end_ns > now_ns]
    if as_json:
        print(json.dumps([exception_json(one) for one in shown], indent=2))
        return
    for one in shown:
        print(f"{one.id:>4} {exception_text(one)}")
    if not shown:
        print("every SLO counts and alerts")


def end(number: Annotated[int, typer.Argument(help="As `tidewatch slo exceptions` shows it.")], by: By = None) -> None:
    """End an exception now, or call off one that has not begun."""
    from infra.slo import exclusions as slo_exceptions

    with writing() as cursor:
        one = slo_exceptions.end(cursor, number, ended_by=by or getpass.getuser(), now_ns=time.time_ns())
    print(f"{one.slo_name}: {one.kind.value} {one.id} is over")


def _make(name: str, kind: ExceptionKind, start_ns: int, end_ns: int | None, *, reason: str, by: str | None) -> None:
    from infra.slo import exclusions as slo_exceptions
    from models.slo.exclusions import SloException

    wanted = SloException(0, name, kind, start_ns, end_ns, reason, by or getpass.getuser())
    with writing() as cursor:
        made = slo_exceptions.make(cursor, wanted, now_ns=time.time_ns())
    print(f"{made.id:>4} {exception_text(made)}")


def lasting(cursor: Cursor) -> list[SloException]:
    """What is held now, for `tidewatch slo status`."""
    from infra.store.slo import exclusions as slo_exceptions

    now_ns = time.time_ns()
    return [one for mine in slo_exceptions.load(cursor).values() for one in mine if one.lasts_at(now_ns)]


def exception_text(one: SloException) -> str:
    """`checkout-latency: maintenance from 10:00 to 12:00 by ann: new disks`."""
    from models.timestamps import to_rfc3339

    until = "until it is resumed" if one.end_ns is None else f"to {to_rfc3339(one.end_ns)}"
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.slo_name}: {one.kind.value} from {to_rfc3339(one.start_ns)} {until} by {one.made_by}{reason}"


def exception_json(one: SloException) -> dict[str, Any]:
    """An exception for `--json`."""
    from models.timestamps import to_rfc3339

    return {
        "id": one.id,
        "slo": one.slo_name,
        "kind": one.kind.value,
        "from": to_rfc3339(one.start_ns),
        "to": None if one.end_ns is None else to_rfc3339(one.end_ns),
        "reason": one.reason,
        "by": one.made_by,
    }


def register(app: typer.Typer) -> None:
    """Make them commands of `tidewatch slo`."""
    app.command(epilog="Examples:  tidewatch slo history checkout-latency   ·   tidewatch slo history --json")(history)
    app.command(epilog="Example:  tidewatch slo pause checkout-latency --reason 'being rebuilt'")(pause)
    app.command(epilog="Example:  tidewatch slo resume checkout-latency")(resume)
    app.command(epilog="Example:  tidewatch slo silence checkout-latency --for 2h --reason 'fix is out'")(silence)
    app.command(
        epilog="Examples:  tidewatch slo maintenance checkout-latency --from 2026-12-01T22:00:00Z "
        "--to 2026-12-02T00:00:00Z   ·   tidewatch slo maintenance checkout-latency --from -40m --to -0s"
    )(maintenance)
    app.command(epilog="Example:  tidewatch slo exceptions --all")(exceptions)
    app.command(epilog="Example:  tidewatch slo end 7")(end)
