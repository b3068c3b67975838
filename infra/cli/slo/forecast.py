"""`tidewatch slo forecast`: when the budgets that burn will be gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.database import reading
from infra.cli.tables import show_json
from models.timestamps import SECOND_NS

if TYPE_CHECKING:
    from infra.slo.forecast import BudgetForecast


def forecast(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """When the budgets that burn will be gone, as the SLO clock foresaw last. Exit code 1 while one is a ticket."""
    from infra.slo.forecast import forecast_json, forecasts

    with reading() as cursor:
        known = forecasts(cursor)
    if as_json:
        show_json([forecast_json(one) for one in known])
    elif not known:
        print("no budget burns faster than allowed")
    else:
        for one in known:
            print(_line(one))
    if any(one.is_ticket for one in known):
        raise typer.Exit(1)


def _line(found: BudgetForecast) -> str:
    from models.slo.forecast.text import span
    from models.slo.numbers import length, number, percent

    one, left_ratio = found.stored, found.budget_remaining_ratio
    ticket = "TICKET " if found.is_ticket else ""
    told, now_s = one.forecast, one.computed_ns / SECOND_NS
    if told is None and left_ratio is not None and left_ratio <= 0:
        return f"{ticket}{one.slo_name}: the budget is gone, {percent(1 - left_ratio)} of it is spent"
    if told is None:
        return f"{ticket}{one.slo_name}: burns too fast, but for too short a time to say for how long"
    gone = "not before the horizon" if told.gone_s is None else f"in {length(told.gone_s - now_s)}"
    return f"{ticket}{one.slo_name}: burns {number(told.burn_rate)} times too fast, gone {gone} ({span(told, now_s)})"
