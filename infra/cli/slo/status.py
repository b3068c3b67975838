"""`tidewatch slo status`: budgets, burn rates, alerts that fire."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import reading
from infra.cli.slo.exclusions import exclusion_text
from infra.cli.tables import show_json, show_table

if TYPE_CHECKING:
    from infra.store.slo.summaries import SloSummary

HEADER = ("SLO", "service", "target", "budget left", "burn rates", "counted for", "alerts", "seen")


def status(
    name: Annotated[str | None, typer.Argument(help="Only this SLO.")] = None,
    causes: Annotated[bool, typer.Option("--causes", help="Say why what fires fires, series by series.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Budgets, burn rates and firing alerts, as the SLO clock saw them last. Exit code 1 while any alert fires."""
    from infra.cli.slo.causes import print_causes
    from infra.slo import status as use_case

    now_ns = time.time_ns()
    with reading() as cursor:
        found = use_case.status(cursor, now_ns, name, with_causes=causes)
    if as_json:
        show_json([use_case.status_json(slo) for slo in found])
    else:
        now = datetime.fromtimestamp(now_ns / 1e9, UTC)
        rows = [_row(slo.summary, now) for slo in found]
        show_table(HEADER, rows, empty="no SLOs yet: tidewatch slo apply slos/")
        for one in (one for slo in found for one in slo.exclusions):
            print(exclusion_text(one))
        if causes:
            print_causes(found)
    if any(slo.fires for slo in found):
        raise typer.Exit(1)


def _row(summary: SloSummary, now: datetime) -> tuple[str, ...]:
    from infra.store.slo.windows import PERIOD
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
        _counted(summary, now),
        ", ".join(f"{alert.severity} {alert.burn_window}" for alert in summary.alerts) or "-",
        _seen(summary.newest_counted_at, now),
    )


def _counted(summary: SloSummary, now: datetime) -> str:
    """How much history the figures have."""
    from models.slo.numbers import length

    if summary.first_counted_at is None:
        return "-" if summary.evaluated_at is None else "nothing matched yet"
    return length((now - summary.first_counted_at).total_seconds())


def _seen(at: datetime | None, now: datetime) -> str:
    """Local time, with its day where that is not clear."""
    if at is None:
        return "-"
    return at.astimezone().strftime("%H:%M:%S" if now - at < timedelta(hours=12) else "%Y-%m-%d %H:%M")


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"
