"""Every few minutes: when will the budgets that burn be gone, and which of that is a ticket; one transaction each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor as Cursor

from infra.slo.retention import SHORT_PERIOD_S
from infra.store import decisions, outbox
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as slo_exceptions
from infra.store.slo import forecasts as slo_forecasts
from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import StoredSlo
from infra.store.slo.forecasts import StoredForecast
from infra.store.slo.summaries import read_summaries
from models.alerting.alert import Links, alert_event
from models.names import AlertName, Severity, Topic
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.slo.budget import budget_remaining, lived
from models.slo.burn import Counts
from models.slo.exclusions import ExcludedRange, excluded_spans, held_by
from models.slo.forecast.forecast import Forecast, History, block_s, forecast, in_parts, lookback_s, without
from models.slo.forecast.text import forecast_annotations, over_annotations
from models.slo.forecast.ticket import decide
from models.slo.periods import period_bounds
from models.timestamps import HOUR_S, SECOND_NS, to_rfc3339

DECISION_KIND: Final = "forecast"


@dataclass(frozen=True, slots=True)
class Forecasting:
    """What one turn found: the forecasts that say something, and the tickets that began or ended."""

    forecasts: tuple[StoredForecast, ...] = ()
    transitions: tuple[AlertEvent, ...] = ()


def forecast_budgets(database: Database, links: Links, now_ns: int) -> Forecasting:
    """Forecast every SLO that burns or has a ticket, at `now_ns`; raises `Unavailable`.

    A ticket begins where even the low end of the interval says that the budget is gone before the period ends, and is
    over where the middle no longer does. It goes on once the budget is gone: then it came true.
    """
    now_ns -= now_ns % 1000
    with database.transaction() as cursor:
        known = {one.slo_name: one for one in slo_forecasts.load(cursor)}
        burning = slo_forecasts.burning(cursor)
        stored = {one.slo.name: one for one in slos.load(cursor).slos}
        due = [one for one in stored.values() if one.id in burning or one.slo.name in known]
        kept: list[StoredForecast] = []
        events: list[AlertEvent] = []
        decided: list[decisions.Decided] = []
        for one in due:
            before = known.get(one.slo.name)
            after, decision = _forecast(cursor, one, before, links, now_ns)
            decided.append(decisions.Decided(one.slo.name, decision.value, {}))
            if decision in (AlertDecision.FIRED, AlertDecision.RESOLVED):
                events.append(_event(before if decision is AlertDecision.RESOLVED else None, after, decision, now_ns))
            if one.id in burning or after.firing_since_ns is not None:
                slo_forecasts.save(cursor, after)
                kept.append(after)
        gone = [one for name, one in known.items() if name not in {after.slo_name for after in kept}]
        events += [
            _event(one, one, AlertDecision.RESOLVED, now_ns)
            for one in gone
            if one.firing_since_ns is not None and one.slo_name not in stored
        ]
        slo_forecasts.delete(cursor, [one.slo_name for one in gone])
        outbox.put(cursor, [(Topic.ALERTS, e.fingerprint, e.id, msgspec.json.encode(e)) for e in events])
        decisions.record(cursor, DECISION_KIND, decided, now_ns)
    return Forecasting(tuple(kept), tuple(events))


def _forecast(
    cursor: Cursor, stored: StoredSlo, before: StoredForecast | None, links: Links, now_ns: int
) -> tuple[StoredForecast, AlertDecision]:
    slo, now_s = stored.slo, now_ns / SECOND_NS
    exceptions = slo_exceptions.load(cursor, [slo.name]).get(slo.name, [])
    start_s, end_s = period_bounds(slo.window, now_s)
    block = block_s(slo.window, slo.unit_s)
    until_s = math.floor(now_s / block) * block
    recent_s = until_s - lookback_s(slo.window, slo.unit_s)
    recent = _history(cursor, stored, recent_s, until_s, block)
    part_s = HOUR_S if slo.window.nominal_s >= SHORT_PERIOD_S else slo.unit_s
    period = _history(cursor, stored, math.floor(start_s / part_s) * part_s, now_s, part_s)
    spans = excluded_spans(exceptions, math.ceil(now_s), slo.unit_s)
    if spans:
        units = slo_exceptions.counted_in(cursor, stored.id, slo, spans, math.floor(min(start_s, recent_s)))
        recent, period = without(recent, units, block), without(period, units, part_s)
    first_s = slo_windows.read_first_counted(cursor, [stored.id]).get(stored.id, math.inf)
    counted = lived(slo.window, first_s, now_s, spans, slo.unit_s)
    counts = Counts(float(period.good.sum()), float(period.total.sum()))
    spent = budget_remaining(counts, slo.target_ratio, counted) <= 0
    told: Forecast | None = None
    if recent.total.sum() >= slo.min_events:
        told = forecast(
            recent,
            period,
            target_ratio=slo.target_ratio,
            window=slo.window,
            period_end_s=end_s,
            now_s=now_s,
            lived=counted,
            unit_s=slo.unit_s,
        )
    since_ns = before.firing_since_ns if before is not None else None
    decision = decide(told, firing=since_ns is not None, spent=spent, held=held_by(exceptions, now_ns))
    annotations = dict(before.annotations) if before is not None else {}
    if decision is AlertDecision.FIRED and told is not None:
        since_ns, annotations = now_ns, forecast_annotations(slo, told, now_s, links)
    elif decision is AlertDecision.RESOLVED:
        since_ns = None
    return StoredForecast(slo.name, slo.service, now_ns, told, since_ns, annotations), decision


def _history(cursor: Cursor, stored: StoredSlo, from_s: int, to_s: float, part_s: int) -> History:
    """Counts of an SLO in parts of time; of one that budgets by slices, its slices, which hours hold already."""
    slices = stored.slo.slices
    if slices is None or part_s % HOUR_S == 0:
        return slo_forecasts.history(cursor, stored.id, from_s, to_s, part_s)
    over_s = math.floor(to_s / slices.length_s) * slices.length_s
    return in_parts(
        slo_exceptions.counted_in(cursor, stored.id, stored.slo, [ExcludedRange(from_s, over_s)], from_s), part_s
    )


def _event(before: StoredForecast | None, after: StoredForecast, decision: AlertDecision, now_ns: int) -> AlertEvent:
    """The event of a ticket that begins, or of `before` that is over."""
    over = decision is AlertDecision.RESOLVED
    since_ns = before.firing_since_ns if over and before is not None else after.firing_since_ns
    said = over_annotations(before.annotations, after.service, after.slo_name) if over and before else after.annotations
    return alert_event(
        AlertName.SLO_BUDGET_FORECAST,
        service=after.service,
        slo=after.slo_name,
        severity=Severity.TICKET,
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        decision=decision,
        starts_at_ns=since_ns if since_ns is not None else now_ns,
        ends_at_ns=now_ns if over else None,
        annotations=said,
    )


@dataclass(frozen=True, slots=True)
class BudgetForecast:
    """The newest forecast of an SLO that burns or has a ticket, and what is left of its budget; None: not known."""

    stored: StoredForecast
    budget_remaining_ratio: float | None

    @property
    def is_ticket(self) -> bool:
        """Whether it alerts."""
        return self.stored.firing_since_ns is not None


def forecasts(cursor: Cursor) -> list[BudgetForecast]:
    """When the budgets that burn will be gone, as the SLO clock foresaw last, by name of the SLO."""
    left = {summary.name: summary.budget_remaining_ratio for summary in read_summaries(cursor)}
    return [BudgetForecast(stored, left.get(stored.slo_name)) for stored in slo_forecasts.load(cursor)]


def forecast_json(one: BudgetForecast) -> dict[str, Any]:
    """`one` as JSON is made of."""

    def text(at_s: float | None) -> str | None:
        return None if at_s is None else to_rfc3339(int(at_s * 1e9))

    stored, told = one.stored, one.stored.forecast
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
    return {
        "slo": stored.slo_name,
        "service": stored.service,
        "at": to_rfc3339(stored.computed_ns),
        "ticket": None if stored.firing_since_ns is None else to_rfc3339(stored.firing_since_ns),
        "budget_remaining_ratio": one.budget_remaining_ratio,
        **figures,
    }
