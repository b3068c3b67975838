"""`tidewatch slo forecast`: when the budgets that burn will be gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.database import reading

if TYPE_CHECKING:
    from infra.store.slo.forecasts import StoredForecast


def forecast(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """When the budgets that burn will be gone, as the SLO clock foresaw last. Exit code 1 while one is a ticket."""
    from infra.slo.forecast import forecasts_of
    from infra.store.slo.summaries import read_summaries

    with reading() as cursor:
        known = forecasts_of(cursor)
        left = {summary.name: summary.budget_remaining_ratio for summary in read_summaries(cursor)}
    if as_json:
        print(json.dumps([_json(one, left.get(one.slo_name)) for one in known], indent=2))
    elif not known:
        print("no budget burns faster than allowed")
    else:
        for one in known:
            print(_line(one, left.get(one.slo_name)))
    if any(one.firing_since_ns is not None for one in known):
        raise typer.Exit(1)


def _line(one: StoredForecast, left_ratio: float | None) -> str:
    from models.slo.forecast.text import ahead, span
    from models.slo.numbers import number, percent

    ticket = "TICKET " if one.firing_since_ns is not None else ""
    told, now_s = one.forecast, one.computed_ns / 1e9
    if told is None and left_ratio is not None and left_ratio <= 0:
        return f"{ticket}{one.slo_name}: the budget is gone, {percent(1 - left_ratio)} of it is spent"
    if told is None:
        return f"{ticket}{one.slo_name}: burns too fast, but for too short a time to say for how long"
    gone = "not before the horizon" if told.gone_s is None else f"in {ahead(told.gone_s - now_s)}"
    return f"{ticket}{one.slo_name}: burns {number(told.burn_rate)} times too fast, gone {gone} ({span(told, now_s)})"


def _json(one: StoredForecast, left_ratio: float | None) -> dict[str, Any]:
    from models.timestamps import to_rfc3339

    def text(at_s: float | None) -> str | None:
        return None if at_s is None else to_rfc3339(int(at_s * 1e9))

    told = one.forecast
    figures: dict[str, Any] = {}
    if told is not None:
        figures = {
            "burn_rate": told.burn_rate,
            "burn_rate_interval": [told.burn_rate_lower, told.burn_rate_upper],
            "gone_at": text(told.gone_s),
            "soonest": text(told.soonest_s),
            "latest": text(told.latest_s),
            "horizon": text(told.horizon_s),
        }
    since = None if one.firing_since_ns is None else to_rfc3339(one.firing_since_ns)
    return {
        "slo": one.slo_name,
        "service": one.service,
        "at": to_rfc3339(one.computed_ns),
        "ticket": since,
        "budget_remaining_ratio": left_ratio,
        **figures,
    }
