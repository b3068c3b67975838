"""`tidewatch entities` and `tidewatch top`: what comes in and how it is judged."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from infra.cli.tables import show_table
from models.errors import Misconfigured
from models.moments import moment_ns

if TYPE_CHECKING:
    from rich.table import Table

    from infra.stream.entities import EntityView

HEADER: Final = ("entity", "score", "worst", "anomalous", "readiness", "model", "last row", "cause")
NOTHING: Final = "no scores since {since}: nothing came in (tidewatch dead-letters list), or no worker runs"
MOST_ROWS: Final = 20
"""Of `top`: what fits a terminal."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Service = Annotated[str, typer.Argument(metavar="[SERVICE]", help="Only this service's.")]
Since = Annotated[str, typer.Option("--since", help="Rows scored since: 5m, 1h, or RFC 3339.")]

entities_app = typer.Typer(add_completion=False)
top_app = typer.Typer(add_completion=False)


@entities_app.command(epilog="Examples:  tidewatch entities   ·   tidewatch entities checkout --since 1h --json")
def entities(service: Service = "", since: Since = "5m", as_json: AsJson = False) -> None:
    """Entities that sent samples lately: score (1 is the threshold), readiness, model, what is wrong; worst first."""
    found = _look(service, since)
    if as_json:
        print(json.dumps([asdict(view) for view in found], indent=2))
        return
    show_table(HEADER, _rows(found), empty=NOTHING.format(since=since))


@top_app.command(epilog="Examples:  tidewatch top   ·   tidewatch top checkout --every 5")
def top(
    service: Service = "",
    since: Since = "5m",
    every: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """The same, live, until Ctrl-C; one look where the output is no terminal."""
    from rich.live import Live

    if as_json or not sys.stdout.isatty():
        entities(service, since, as_json)
        return
    moment_ns(since, 0)  # a misspelt one is told before the screen is taken
    try:
        with Live(auto_refresh=False, screen=True) as live:
            while True:
                live.update(_table(_look(service, since)), refresh=True)
                time.sleep(every)
    except KeyboardInterrupt:
        return


def _look(service: str, since: str) -> list[EntityView]:
    from infra.settings import load
    from infra.stream.entities import entities, scores
    from models.names import Topic

    settings = load()
    settings.require("kafka")
    now_ns = time.time_ns()
    since_ns = moment_ns(since, now_ns)
    if since_ns > now_ns:
        raise Misconfigured(f"--since: {since!r} is in the future")
    return entities(scores(settings.kafka, settings.topic(Topic.SCORES), since_ns // 1_000_000, service))


def _rows(found: Sequence[EntityView]) -> list[tuple[str, ...]]:
    return [
        (
            view.entity,
            f"{view.score:.2f}",
            f"{view.worst:.2f}",
            f"{view.anomalous_rows:,}/{view.rows:,}",
            view.readiness,
            view.model_version or "-",
            view.tick[11:19],
            view.cause or "-",
        )
        for view in found
    ]


def _table(found: Sequence[EntityView]) -> Table:
    from rich.table import Table

    from infra.terminal import cell

    table = Table(box=None, pad_edge=False, expand=True, caption=f"{len(found):,} entities; Ctrl-C ends")
    for name in HEADER:
        table.add_column(name, no_wrap=True)
    for view, row in zip(found[:MOST_ROWS], _rows(found[:MOST_ROWS]), strict=True):
        table.add_row(*map(cell, row), style="red" if view.score > 1 else "")
    return table
