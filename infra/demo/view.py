"""The terminal view of the demo: one screen, redrawn once a second."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.demo.observe import Observation
from infra.terminal import cell
from models.names import Severity

WORST_ENTITIES = 8
_BAR_CELLS = 24
_CLOCKS = ("since", "start", "end", "at", "state", "severity")
"""Columns that must not give way to a long text beside them; all are eight wide."""

_SEVERITY_STYLE = {Severity.PAGE: "bold red", Severity.TICKET: "yellow", Severity.INFO: "cyan"}


def _clock(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%H:%M:%S") if moment else "-"


def _number(value: Any, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, expand=True)
    for column in columns:
        name, _, side = column.partition(">")
        width = len("00:00:00") if name in _CLOCKS else None
        table.add_column(name, justify="right" if side else "left", no_wrap=True, min_width=width)
    return table


def score_bar(score: float) -> Text:
    """Bar of a score with the threshold at half its length; everything above 1 is red.

    >>> score_bar(0.5).plain
    '██████░░░░░░|░░░░░░░░░░░░'
    """
    half = _BAR_CELLS // 2
    filled = min(round(score * half), _BAR_CELLS)
    cells = "█" * filled + "░" * (_BAR_CELLS - filled)
    return Text(f"{cells[:half]}|{cells[half:]}", style="red" if score > 1 else "green")


def _headline(seen: Observation, endpoints: dict[str, str]) -> RenderableType:
    figures = Table.grid(padding=(0, 3))
    figures.add_row(
        f"[bold]{seen.samples_per_s:,.0f}[/] samples/s",
        f"[bold]{seen.samples_total:,.0f}[/] samples",
        f"lag [bold]{seen.lag_records:,.0f}[/]",
        f"[bold]{seen.entities:,.0f}[/] entities",
        f"[bold]{seen.series:,.0f}[/] series",
        f"[bold]{seen.rows_scored_total:,.0f}[/] rows scored",
        f"[bold]{seen.rejected_total:,.0f}[/] rejected",
    )
    where = "   ".join(f"{name} {url}" for name, url in endpoints.items())
    return Group(figures, Text(where, style="dim"))


def _scores(seen: Observation) -> Table:
    table = _table("Worst entities (1 = alert threshold)", "entity", "score>", "", "model>")
    for entity in seen.scores[:WORST_ENTITIES]:
        table.add_row(
            cell(entity.entity),
            f"{entity.score:.2f}",
            score_bar(entity.score),
            cell(seen.models.get(entity.service, "online")),
        )
    return table


def _budgets(seen: Observation) -> Table:
    table = _table("SLOs", "slo", "target>", "budget left>", "worst burn>")
    for slo in seen.budgets:
        left, burn = slo["budget_remaining_ratio"], slo["worst_burn_rate"]
        style = "red" if left is not None and left < 0 else "yellow" if burn is not None and burn > 1 else ""
        budget = "-" if left is None else f"{left:.1%}"
        table.add_row(cell(slo["name"]), f"{slo['target_ratio']:.2%}", budget, _number(burn, 1), style=style)
    return table


def _alerts(seen: Observation) -> Table:
    table = _table("Alerts", "since", "state", "severity", "what")
    for alert in seen.alerts:
        firing = alert["state"] == "firing"
        style = _SEVERITY_STYLE.get(alert["severity"], "") if firing else "dim"
        what = alert["summary"] or f"{alert['name']} {alert['slo'] or alert['entity'] or alert['service']}"
        table.add_row(_clock(alert["starts_at"]), alert["state"], alert["severity"], cell(what), style=style)
    return table


def _anomalies(seen: Observation) -> Table:
    table = _table("Anomalies", "start", "end", "entity", "peak>", "cause", "value>", "expected>")
    for row in seen.anomalies:
        table.add_row(
            _clock(row["started_at"]),
            _clock(row["ended_at"]),
            cell(row["entity"]),
            _number(row["peak_score"]),
            cell(row["cause_metric"]),
            _number(row["value"]),
            _number(row["expected"]),
        )
    return table


def _models(seen: Observation) -> Table:
    table = _table("Models", "service", "champion>", "since", "trained because", "next")
    asked = {row["service"]: f"{row['reason']}: {row['outcome'] or 'asked'}" for row in seen.trainings}
    for row in seen.serving:
        table.add_row(
            cell(row["service"]),
            cell(row["version"]),
            _clock(row["promoted_at"]),
            row["reason"] or "-",
            asked.pop(row["service"], "-"),
        )
    for service, state in asked.items():
        table.add_row(cell(service), "-", "-", "-", state)
    return table


def _drifts(seen: Observation) -> Table:
    table = _table("Drift", "at", "entity", "series", "detector")
    for row in seen.drifts:
        table.add_row(_clock(row["at"]), cell(row["entity"]), cell(row["series"]), row["detector"])
    return table


def render(seen: Observation, endpoints: dict[str, str], note: str) -> RenderableType:
    """The whole screen for one observation.

    Args:
        seen: what the system said about itself.
        endpoints: name and address of what a person may open.
        note: one line on what the demo is doing now.
    """
    body: list[RenderableType] = [
        _headline(seen, endpoints),
        Columns([_scores(seen), _budgets(seen)], expand=True, equal=True),
        _alerts(seen),
        _anomalies(seen),
        Columns([_models(seen), _drifts(seen)], expand=True, equal=True),
    ]
    body += [Text(problem, style="red") for problem in seen.problems]
    return Panel(Group(*body), title="Tidewatch", subtitle=note, subtitle_align="left")
