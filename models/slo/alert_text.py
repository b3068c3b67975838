"""What a burn alert says to the person it wakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.alerting.alert import dashboard_url, runbook_url
from models.names import AlertName, Annotation
from models.slo.burn import Counts
from models.slo.burn_alert import BurnReading
from models.slo.causes.rank import Cause
from models.slo.causes.text import cause_annotations, with_first_cause
from models.slo.definition import Slo
from models.slo.numbers import number, percent
from models.slo.windows import window_name


@dataclass(frozen=True, slots=True)
class Links:
    """Where an alert points to; empty texts leave the link out."""

    grafana_url: str
    runbook_url: str


def burn_annotations(
    slo: Slo, reading: BurnReading, period: Counts, causes: Sequence[Cause] | None, links: Links
) -> dict[Annotation, str]:
    """Annotations of a burn alert that fires; the figures are those of the moment of the decision."""
    remaining = period.budget_remaining(slo.target_ratio)
    burn = number(reading.long_burn)
    summary = f"{slo.service}: {slo.name} burns its error budget {burn} times too fast, {_left(remaining)}"
    description = _description(slo, reading)
    annotations = {
        Annotation.SUMMARY: with_first_cause(summary, causes),
        Annotation.DESCRIPTION: f"{slo.description} {description}".strip(),
        Annotation.BUDGET_LEFT: percent(remaining),
        **cause_annotations(causes),
    }
    if links.grafana_url:
        annotations[Annotation.DASHBOARD_URL] = dashboard_url(links.grafana_url, {"service": slo.service})
    if slo.runbook_url or links.runbook_url:
        annotations[Annotation.RUNBOOK_URL] = slo.runbook_url or runbook_url(links.runbook_url, AlertName.SLO_BURN_RATE)
    return annotations


def _description(slo: Slo, reading: BurnReading) -> str:
    """What the windows show, and what was to be."""
    pair = reading.pair
    long, unit = window_name(pair.long_s), "time slices" if slo.slices else "events"
    seen = f"{percent(reading.long.error_ratio)} of {number(reading.long.total)} {unit} in the last {long} were bad"
    if pair.short_s != pair.long_s:
        seen += f" and {percent(reading.short.error_ratio)} of {number(reading.short.total)} in the last "
        seen += window_name(pair.short_s)
    return (
        f"{seen}. {percent(slo.target_ratio)} are to be good over {slo.window.text}; above {number(pair.factor)} "
        f"times the allowed rate, {long} spends more than {percent(pair.budget_share)} of the budget."
    )


def resolved_annotations(
    fired: dict[Annotation, str], slo: Slo, reading: BurnReading, period: Counts
) -> dict[Annotation, str]:
    """Annotations of the same alert when it resolves: what was said then, with the outcome first.

    Alertmanager replaces annotations, so the resolve has to carry all of them.
    """
    remaining = period.budget_remaining(slo.target_ratio)
    burn = f"{number(reading.short_burn)} times the allowed rate" if reading.short.total > 0 else "no more events"
    summary = f"{slo.service}: {slo.name} no longer burns its error budget too fast ({burn}), {_left(remaining)}"
    return {**fired, Annotation.SUMMARY: summary, Annotation.BUDGET_LEFT: percent(remaining)}


def _left(remaining_ratio: float) -> str:
    if remaining_ratio < 0:
        return f"{percent(1.0 - remaining_ratio)} of it is spent"
    return f"{percent(remaining_ratio)} of it is left"
