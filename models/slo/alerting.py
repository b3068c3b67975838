"""What a burn alert says to the person it wakes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.alerts import dashboard_url, runbook_url
from models.names import AlertName, Annotation
from models.slo.burn import Counts
from models.slo.causes import Cause
from models.slo.decide import BurnReading
from models.slo.definition import Slo
from models.slo.windows import window_name

SHOWN_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Links:
    """Where an alert points to; empty texts leave the link out."""

    grafana_url: str
    runbook_url: str


def burn_annotations(
    slo: Slo, reading: BurnReading, period: Counts, causes: Sequence[Cause], links: Links
) -> dict[Annotation, str]:
    """Annotations of a burn alert that fires; the figures are those of the moment of the decision."""
    long, short = window_name(reading.pair.long_s), window_name(reading.pair.short_s)
    remaining = period.budget_remaining(slo.target_ratio)
    burn = _number(reading.long_burn)
    summary = f"{slo.service}: {slo.name} burns its error budget {burn} times too fast, {_left(remaining)}"
    if causes:
        summary += f"; first cause {_said(causes[0])}"
    description = (
        f"{_percent(reading.long.error_ratio)} of {_number(reading.long.total)} events in the last {long} were bad and "
        f"{_percent(reading.short.error_ratio)} of {_number(reading.short.total)} in the last {short}. "
        f"{_percent(slo.target_ratio)} are to be good over {slo.window.text}; above {_number(reading.pair.factor)} "
        f"times the allowed rate, {long} spends more than {_percent(reading.pair.budget_share)} of the budget."
    )
    annotations = {
        Annotation.SUMMARY: summary,
        Annotation.DESCRIPTION: f"{slo.description} {description}".strip(),
        Annotation.BUDGET_LEFT: _percent(remaining),
        Annotation.CAUSES: "; ".join(_said(cause) for cause in causes[:SHOWN_CAUSES])
        or "no anomaly of this service overlaps the burn",
    }
    if causes:
        episode = causes[0].episode
        annotations[Annotation.SCORE] = _number(max(cause.episode.peak_score for cause in causes))
        if episode.model_version:
            annotations[Annotation.MODEL_VERSION] = episode.model_version
        if causes[0].metric == episode.cause_metric and episode.expected_lower is not None:
            annotations[Annotation.EXPECTED] = _expected(episode.expected_lower, episode.expected_upper)
    if links.grafana_url:
        annotations[Annotation.DASHBOARD_URL] = dashboard_url(links.grafana_url, {"service": slo.service})
    if slo.runbook_url or links.runbook_url:
        annotations[Annotation.RUNBOOK_URL] = slo.runbook_url or runbook_url(
            links.runbook_url, AlertName.SLO_BURN_RATE
        )
    return annotations


def resolved_annotations(
    fired: dict[Annotation, str], slo: Slo, reading: BurnReading, period: Counts
) -> dict[Annotation, str]:
    """Annotations of the same alert when it resolves: what was said then, with the outcome first.

    Alertmanager replaces annotations, so the resolve has to carry all of them.
    """
    remaining = period.budget_remaining(slo.target_ratio)
    burn = f"{_number(reading.short_burn)} times the allowed rate" if reading.short.total > 0 else "no more events"
    summary = f"{slo.service}: {slo.name} no longer burns its error budget too fast ({burn}), {_left(remaining)}"
    return {**fired, Annotation.SUMMARY: summary, Annotation.BUDGET_LEFT: _percent(remaining)}


def _said(cause: Cause) -> str:
    """`latency_ms 71 % (checkout/i-1: 812, expected 180 to 260)`."""
    episode = cause.episode
    detail = episode.entity
    if cause.metric == episode.cause_metric and episode.value is not None:
        detail += f": {_number(episode.value)}"
        if episode.expected_lower is not None:
            detail += f", expected {_expected(episode.expected_lower, episode.expected_upper)}"
    return f"{cause.metric} {cause.part:.0%} ({detail})"


def _expected(lower: float, upper: float | None) -> str:
    return f"{_number(lower)} to {_number(upper)}" if upper is not None else f"from {_number(lower)}"


def _left(remaining_ratio: float) -> str:
    if remaining_ratio < 0:
        return f"{_percent(1.0 - remaining_ratio)} of it is spent"
    return f"{_percent(remaining_ratio)} of it is left"


def _number(value: float) -> str:
    """Three figures where that is enough: `0.0123`, `14.4`, `1,234`."""
    if math.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(ratio: float) -> str:
    """`99.9%`, `0.05%`: enough figures to tell a target from 100 %."""
    return "unknown" if math.isnan(ratio) else f"{ratio * 100:.4g}%"
