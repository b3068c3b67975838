"""What a burn alert says to the person it wakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from models.alerting.alert import Links, alert_event, dashboard_url, runbook_url
from models.names import AlertName, Annotation
from models.reasons import TransitionReason
from models.records import AlertEvent
from models.slo.budget import Lived
from models.slo.burn_alert import BurnReading
from models.slo.causes.rank import Cause
from models.slo.causes.text import cause_annotations, with_first_cause
from models.slo.definition import Slo
from models.slo.numbers import length, number, percent
from models.slo.plan import Transition
from models.slo.view import SloView
from models.slo.windows import window_name

HELD_SUMMARIES: Final = {
    TransitionReason.PAUSED: "is paused; its alerts are held",
    TransitionReason.IN_MAINTENANCE: "is in maintenance; its alerts are held",
    TransitionReason.SILENCED: "is silenced; its alerts are held",
    TransitionReason.NO_LONGER_EVALUATED: "was changed or removed; this alert is no longer evaluated",
}
"""What an alert says that ends for another reason than that its burn is over."""


def burn_annotations(
    view: SloView, reading: BurnReading, causes: Sequence[Cause] | None, links: Links
) -> dict[Annotation, str]:
    """Annotations of a burn alert that fires; the figures are those of the moment of the decision."""
    slo = view.slo
    burn = number(reading.long_burn)
    summary = f"{slo.service}: {slo.name} burns its error budget {burn} times too fast, {_left(view)}"
    description = _description(slo, reading, view.lived)
    annotations = {
        Annotation.SUMMARY: with_first_cause(summary, causes),
        Annotation.DESCRIPTION: f"{slo.description} {description}".strip(),
        Annotation.BUDGET_LEFT: percent(view.budget_remaining),
        **cause_annotations(causes),
    }
    if links.grafana_url:
        annotations[Annotation.DASHBOARD_URL] = dashboard_url(links.grafana_url, {"service": slo.service})
    if slo.runbook_url or links.runbook_url:
        annotations[Annotation.RUNBOOK_URL] = slo.runbook_url or runbook_url(links.runbook_url, AlertName.SLO_BURN_RATE)
    return annotations


def _description(slo: Slo, reading: BurnReading, lived: Lived) -> str:
    """What the windows show, and what was to be."""
    pair = reading.pair
    long, unit = window_name(pair.long_s), "time slices" if slo.slices else "events"
    seen = f"{percent(reading.long.error_ratio)} of {number(reading.long.total)} {unit} in "
    seen += f"{_history(pair.long_s, lived)} were bad"
    if pair.short_s != pair.long_s:
        seen += f" and {percent(reading.short.error_ratio)} of {number(reading.short.total)} in "
        seen += _history(pair.short_s, lived)
    return (
        f"{seen}. {percent(slo.target_ratio)} are to be good over {slo.window.text}; above {number(pair.factor)} "
        f"times the allowed rate, {long} spends more than {percent(pair.budget_share)} of the budget."
    )


def end_annotations(transition: Transition) -> dict[Annotation, str]:
    """Annotations of an alert that ends: what it said while it fired, with the outcome first.

    Alertmanager replaces annotations, so the resolve has to carry all of them.
    """
    said = dict(transition.fired.annotations) if transition.fired is not None else {}
    if transition.judged is not None:
        said |= _outcome(transition.judged.view, transition.judged.verdict.reading)
    if transition.reason in HELD_SUMMARIES:
        key = transition.key
        said[Annotation.SUMMARY] = f"{key.service}: {key.slo_name} {HELD_SUMMARIES[transition.reason]}"
    return said


def _outcome(view: SloView, reading: BurnReading) -> dict[Annotation, str]:
    """How fast it burns and how much is left when it no longer burns too fast."""
    slo = view.slo
    burn = f"{number(reading.short_burn)} times the allowed rate" if reading.short.total > 0 else "no more events"
    summary = f"{slo.service}: {slo.name} no longer burns its error budget too fast ({burn}), {_left(view)}"
    return {Annotation.SUMMARY: summary, Annotation.BUDGET_LEFT: percent(view.budget_remaining)}


def burn_event(transition: Transition, now_ns: int, annotations: Mapping[Annotation, str]) -> AlertEvent:
    """The event for an alert that begins or ends at `now_ns`."""
    key, fired = transition.key, transition.fired
    return alert_event(
        AlertName.SLO_BURN_RATE,
        service=key.service,
        slo=key.slo_name,
        severity=key.severity,
        burn_window=key.burn_window,
        state=transition.state,
        decision=transition.decision,
        starts_at_ns=now_ns if fired is None else fired.started_at_ns,
        ends_at_ns=None if fired is None else now_ns,
        annotations=annotations,
    )


def _left(view: SloView) -> str:
    """What is left of the whole period's budget, and how much of the period that is known from."""
    remaining, lived = view.budget_remaining, view.lived
    of_it = "of it is left" if lived.share >= 1 else f"of the budget of {view.slo.window.text} is left"
    said = f"{percent(1.0 - remaining)} of it is spent" if remaining < 0 else f"{percent(remaining)} {of_it}"
    return said if lived.share >= 1 else f"{said}, {length(lived.counted_s)} counted so far"


def _history(window_s: int, lived: Lived) -> str:
    """A window as a reader takes it: one that is longer than what was ever counted says so."""
    if lived.counted_s >= window_s:
        return f"the last {window_name(window_s)}"
    return f"the {length(lived.counted_s)} counted so far of the last {window_name(window_s)}"
