"""`tidewatch slo`: its commands, put together."""

from __future__ import annotations

import typer

from infra.cli.slo import definitions, exclusions, simulate
from infra.cli.slo.dependencies import app as dependencies_app
from infra.cli.slo.forecast import forecast
from infra.cli.slo.proposals import app as proposals_app
from infra.cli.slo.status import status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Service level objectives: apply OpenSLO files, list them, show budgets and burn rates, try them on the past.",
)

app.command("simulate", epilog=simulate.EPILOG)(simulate.command)
definitions.register(app)
app.command(epilog="Examples:  tidewatch slo status   ·   tidewatch slo status checkout-latency --causes")(status)
app.add_typer(dependencies_app, name="dependencies")
app.add_typer(proposals_app, name="proposals")
exclusions.register(app)
app.command("forecast", epilog="Example:  tidewatch slo forecast --json")(forecast)
