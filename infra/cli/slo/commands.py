"""`tidewatch slo`: apply OpenSLO files, list what is in force, show budgets and burn rates, simulate."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.database import open_database, reading
from infra.cli.slo import exclusions as slo_exceptions
from infra.cli.slo import simulate as slo_simulate
from infra.cli.slo.dependencies import app as dependencies_app
from infra.cli.slo.forecast import forecast
from infra.cli.slo.proposals import app as proposals_app
from infra.cli.tables import differences, show_table
from models.errors import Misconfigured

if TYPE_CHECKING:
    from infra.store.slo.summaries import SloSummary
    from models.slo.definition import Slo

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Service level objectives: apply OpenSLO files, list them, show budgets and burn rates, try them on the past.",
)

app.command("simulate", epilog=slo_simulate.EPILOG)(slo_simulate.command)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PERIOD = "period"


@app.command(
    epilog="Examples:  tidewatch slo apply slos/   ·   tidewatch slo apply checkout.yaml --dry-run   ·   "
    "tidewatch slo apply slos/ --prune --by ann"
)
def apply(
    paths: Annotated[list[Path], typer.Argument(help="OpenSLO v1 files, or folders of .yaml and .yml files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove SLOs that the files do not contain.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who does this, for the history; default: the user.")] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the SLOs in force to what the files say: all of it, or nothing where anything is wrong.

    Workers pick changes up without a restart.
    """
    from infra.slo.files import read_definitions
    from infra.store.slo import definitions as slos

    wanted, remarks = read_definitions(paths)
    database = open_database()
    try:
        database.migrate()
        with database.transaction() as cursor:
            if dry_run:
                found = slos.changes(cursor, wanted, remove_others=prune)
            else:
                found = slos.apply(cursor, wanted, changed_by=by or getpass.getuser(), remove_others=prune)
    finally:
        database.close()
    warnings = [*remarks, *(text for slo in wanted for text in unreachable(slo))]
    if as_json:
        changed = [{"slo": c.name, "change": c.kind.value, "before": c.before, "after": c.after} for c in found]
        print(json.dumps({"applied": not dry_run, "changes": changed, "warnings": warnings}, indent=2))
        return
    for change in found:
        print(f"{change.name}: {'would be ' if dry_run else ''}{change.kind.value}")
        if change.kind is slos.ChangeKind.CHANGED:
            for line in differences(change.before, change.after):
                print(f"  {line}")
    for text in warnings:
        typer.echo(f"warning: {text}", err=True)


@app.command("list", epilog="Examples:  tidewatch slo list   ·   tidewatch slo list --json")
def list_(as_json: AsJson = False) -> None:
    """The SLOs in force and the burn rates they alert at."""
    from infra.store.slo import definitions as slos
    from models.slo.windows import window_name

    with reading() as cursor:
        stored = slos.load(cursor)
    if as_json:
        print(json.dumps([each.slo.document() for each in stored.slos], indent=2))
        return
    rows = []
    for slo in (each.slo for each in stored.slos):
        pairs = slo.pairs
        alerts = ", ".join(f"{p.severity.value} {p.factor:.3g}× {p.name}/{window_name(p.short_s)}" for p in pairs)
        rows.append((slo.name, slo.service, f"{slo.target_ratio * 100:.6g}%", slo.window.text, alerts))
    show_table(("SLO", "service", "target", "period", "alerts"), rows, empty="no SLOs yet: tidewatch slo apply slos/")


@app.command(epilog="Examples:  tidewatch slo status   ·   tidewatch slo status checkout-latency --causes")
def status(
    name: Annotated[str | None, typer.Argument(help="Only this SLO.")] = None,
    causes: Annotated[bool, typer.Option("--causes", help="Say why what fires fires, series by series.")] = False,
    as_json: AsJson = False,
) -> None:
    """Budgets, burn rates and firing alerts, as the SLO clock saw them last. Exit code 1 while any alert fires."""
    from infra.cli.slo.causes import causes_json, print_causes
    from infra.store.slo import burn_alerts
    from infra.store.slo.summaries import read_summaries

    with reading() as cursor:
        summaries = read_summaries(cursor)
        firing = burn_alerts.firing(cursor) if causes else []
        held = slo_exceptions.lasting(cursor)
    if name is not None:
        summaries = [summary for summary in summaries if summary.name == name]
        if not summaries:
            raise Misconfigured(f"no SLO is called {name!r}; see `tidewatch slo list`")
    if as_json:
        told = [_summary_json(summary) for summary in summaries]
        for slo in told:
            slo["exceptions"] = [slo_exceptions.exception_json(one) for one in held if one.slo_name == slo["slo"]]
            if causes:
                slo["causes"] = causes_json(firing, slo["slo"])
        print(json.dumps(told, indent=2))
    else:
        header = ("SLO", "service", "target", "budget left", "burn rates", "alerts", "seen")
        rows = [_summary_row(summary) for summary in summaries]
        show_table(header, rows, empty="no SLOs yet: tidewatch slo apply slos/")
        for one in held:
            if name in (None, one.slo_name):
                print(slo_exceptions.exception_text(one))
        if causes:
            print_causes(firing, {summary.name for summary in summaries})
    if any(summary.alerts for summary in summaries):
        raise typer.Exit(1)


app.add_typer(dependencies_app, name="dependencies")
app.add_typer(proposals_app, name="proposals")
slo_exceptions.register(app)
app.command("forecast", epilog="Example:  tidewatch slo forecast --json")(forecast)


def unreachable(slo: Slo) -> list[str]:
    """What to tell about burn alerts that a lenient target makes impossible."""
    from models.slo.burn_alert import out_of_reach

    pairs = out_of_reach(slo)
    if not pairs:
        return []
    most = 1.0 / (1.0 - slo.target_ratio)
    windows = ", ".join(f"{pair.severity.value} {pair.name} at {pair.factor:.3g}×" for pair in pairs)
    return [f"{slo.name}: a total outage burns {most:.3g}× at this target, so these alerts can never fire: {windows}"]


def _summary_json(summary: SloSummary) -> dict[str, Any]:
    return {
        "slo": summary.name,
        "service": summary.service,
        "target_ratio": summary.target_ratio,
        "error_ratio": summary.error_ratio,
        "budget_remaining_ratio": summary.budget_remaining_ratio,
        "burn_rates": summary.burn_rates,
        "alerts": [
            {
                "severity": alert.severity,
                "burn_window": alert.burn_window,
                "since": alert.started_at.isoformat(),
                "summary": alert.summary,
                "causes": alert.causes,
            }
            for alert in summary.alerts
        ],
        "evaluated_at": summary.evaluated_at.isoformat() if summary.evaluated_at else None,
    }


def _summary_row(summary: SloSummary) -> tuple[str, ...]:
    from models.slo.windows import window_order

    windows = sorted((name for name in summary.burn_rates if name != PERIOD), key=window_order)
    burns = " ".join(f"{name} {_rate(summary.burn_rates[name])}" for name in windows)
    budget = summary.budget_remaining_ratio
    return (
        summary.name,
        summary.service,
        f"{summary.target_ratio * 100:.6g}%",
        "-" if budget is None else f"{budget:.1%}",
        burns or "not evaluated yet",
        ", ".join(f"{alert.severity} {alert.burn_window}" for alert in summary.alerts) or "-",
        _seen(summary.evaluated_at, datetime.now(UTC)),
    )


def _seen(at: datetime | None, now: datetime) -> str:
    """Local time, with its day where that is not clear."""
    if at is None:
        return "-"
    return at.astimezone().strftime("%H:%M:%S" if now - at < timedelta(hours=12) else "%Y-%m-%d %H:%M")


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"
