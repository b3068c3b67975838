"""One evaluation of every SLO: database and now in; readings, decisions and transitions out, all in one transaction."""

from __future__ import annotations

import gc
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import msgspec
from psycopg2.extensions import cursor as Cursor

from infra.slo import causes as slo_causes
from infra.slo import retention as slo_retention
from infra.slo.changes import EvaluationRecord, Taken
from infra.slo.views import SloView, read_views
from infra.store import outbox
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.slo import firing as slo_alerts
from infra.store.slo.definitions import StoredSlos
from infra.store.slo.firing import BurnAlertKey, FiringAlert
from models.alerting.alert import alert_event
from models.names import AlertName, Annotation, Severity, Topic
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.slo.alert_text import Links, burn_annotations, resolved_annotations
from models.slo.burn_alert import Verdict, judge
from models.slo.exclusions import held_by, held_summary
from models.slo.rollups import Level
from models.slo.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation saw and did.

    Attributes:
        transitions: alerts that began or ended, as they went into the outbox.
        decisions: how often each decision was taken, one for each SLO and pair of windows.
    """

    views: tuple[SloView, ...] = ()
    transitions: tuple[AlertEvent, ...] = ()
    decisions: Mapping[AlertDecision, int] = field(default_factory=dict)


class SloEvaluator:
    """Evaluates the SLOs of one database. What it decides on is there; it remembers their definitions, what it wrote
    last, since when burns last that have to last (`alertAfter`), and which SLOs' counts move (`Telemetry`).

    Args:
        database: used from the calling thread.
        links: where alerts point to.
    """

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links
        self._stored = StoredSlos(-1, ())
        self._record = EvaluationRecord()
        self._telemetry = Telemetry()
        self._burning_since: dict[tuple[str, str], dict[tuple[Severity, str], float]] = {}

    def evaluate(self, now_ns: int) -> Evaluation:
        """Evaluate every SLO at `now_ns`, in one transaction.

        1. read the counts of all windows of all SLOs, and which alerts fire;
        2. decide about every pair of windows;
        3. write transitions to the outbox together with which alerts fire, and the decisions and the status as far as
           they have changed;
        4. rank the causes of the alerts that go on anew, where they were ranked a minute ago, as far as time allows.

        An evaluation that fails leaves nothing; one whose commit went through unnoticed finds its alerts firing when
        it is repeated, and sends nothing twice.

        Raises:
            Unavailable: PostgreSQL does not answer. Evaluate again.
        """
        now_ns -= now_ns % 1000  # PostgreSQL keeps microseconds; an alert's start must read the same ever after
        with _no_search_for_cycles(), self._database.transaction() as cursor:
            self._load(cursor)
            views, newest_s = read_views(cursor, self._stored.slos, now_ns / 1e9, self._telemetry)
            firing = slo_alerts.load_firing(cursor)
            firing_of: dict[tuple[str, str], set[tuple[Severity, str]]] = defaultdict(set)
            for service, name, severity, burn_window in firing:
                firing_of[service, name].add((severity, burn_window))
            verdicts = [
                (view, _held(view, verdict, now_ns), _key(view, verdict))
                for view in views
                for verdict in judge(
                    view.stored.slo,
                    view.windows,
                    firing=firing_of.get((view.stored.slo.service, view.stored.slo.name), ()),
                    now_s=now_ns / 1e9,
                    newest_minute_s=newest_s,
                    burning_since=self._burning_since.get((view.stored.slo.service, view.stored.slo.name), {}),
                )
            ]
            stored = {(view.stored.slo.service, view.stored.slo.name): view.stored for view in views}
            explainer = slo_causes.Explainer(cursor, stored, now_ns)
            events = [
                event
                for view, verdict, key in verdicts
                if (event := self._transition(cursor, explainer, now_ns, view, verdict, firing=firing.get(key)))
                is not None
            ]
            judged = {key for _, _, key in verdicts}
            events += [
                _end_unwatched(cursor, explainer, key, firing[key], now_ns) for key in firing if key not in judged
            ]
            outbox.put(cursor, [(Topic.ALERTS, e.fingerprint, e.id, msgspec.json.encode(e)) for e in events])
            taken = [
                Taken("/".join(key), verdict.decision.value, partial(_figures, verdict)) for _, verdict, key in verdicts
            ]
            explainer.refresh()
            status = [row for view in views for row in view.status(view.stored.slo.window_lengths)]
            self._record.write(cursor, taken, status, now_ns)
        self._record.written()
        self._burning_since = self._lasting(verdicts, now_ns / 1e9)
        counted = Counter(verdict.decision for _, verdict, _ in verdicts)
        return Evaluation(tuple(views), tuple(events), counted)

    def forget(self) -> None:
        """Another process may evaluate meanwhile: take nothing for granted that was written before."""
        self._record.forget()
        self._burning_since.clear()

    def delete_old_counts(self, now_ns: int) -> dict[Level, int]:
        """Delete the counts that nothing needs any more; how many rows of each level went. Raises `Unavailable`."""
        with self._database.transaction() as cursor:
            self._load(cursor)
            return slo_retention.delete_old_counts(cursor, self._stored.slos, now_ns / 1e9)

    def _lasting(
        self, verdicts: Iterable[tuple[SloView, Verdict, BurnAlertKey]], now_s: float
    ) -> dict[tuple[str, str], dict[tuple[Severity, str], float]]:
        """Since when pairs have been burning, of those that have to last; by service and name of their SLO."""
        since: dict[tuple[str, str], dict[tuple[Severity, str], float]] = defaultdict(dict)
        for _, verdict, (service, name, severity, burn_window) in verdicts:
            if verdict.reading.pair.after_s and verdict.reading.burning:
                before = self._burning_since.get((service, name), {}).get((severity, burn_window), now_s)
                since[service, name][severity, burn_window] = before
        return since

    def _load(self, cursor: Cursor) -> None:
        if slos.revision(cursor) != self._stored.revision:
            self._stored = slos.load(cursor)
            self._telemetry.forget()

    def _transition(
        self,
        cursor: Cursor,
        explainer: slo_causes.Explainer,
        now_ns: int,
        view: SloView,
        verdict: Verdict,
        *,
        firing: FiringAlert | None,
    ) -> AlertEvent | None:
        """The event for an alert that begins or ends, remembered as such; None where nothing changes."""
        slo, reading, key = view.stored.slo, verdict.reading, _key(view, verdict)
        if verdict.decision is AlertDecision.FIRED:
            annotations = burn_annotations(slo, reading, view.period, explainer.fire(key), self._links)
            slo_alerts.insert_firing(cursor, key, now_ns, annotations)
            return _event(key, verdict.decision, now_ns, None, annotations)
        if verdict.decision is AlertDecision.RESOLVED and firing is not None:
            slo_alerts.delete_firing(cursor, key)
            explainer.end(key)
            annotations = resolved_annotations(firing.annotations, slo, reading, view.period)
            if held := held_by(view.exceptions, now_ns):
                annotations[Annotation.SUMMARY] = held_summary(held, slo.service, slo.name)
            return _event(key, verdict.decision, firing.started_at_ns, now_ns, annotations)
        return None


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Let Python look for cycles among objects later: 10,000 SLOs make half a million objects without any, and the
    search for them took a quarter of an evaluation."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _held(view: SloView, verdict: Verdict, now_ns: int) -> Verdict:
    """The verdict on an SLO that is paused, silenced or in maintenance: nothing fires, and what fires ends."""
    if not view.exceptions or verdict.decision not in (AlertDecision.FIRED, AlertDecision.RENEWED):
        return verdict
    held = held_by(view.exceptions, now_ns)
    if held is None:
        return verdict
    return replace(verdict, decision=held if verdict.decision is AlertDecision.FIRED else AlertDecision.RESOLVED)


def _key(view: SloView, verdict: Verdict) -> BurnAlertKey:
    pair, slo = verdict.reading.pair, view.stored.slo
    return BurnAlertKey(slo.service, slo.name, pair.severity, pair.name)


def _end_unwatched(
    cursor: Cursor, explainer: slo_causes.Explainer, key: BurnAlertKey, firing: FiringAlert, now_ns: int
) -> AlertEvent:
    """Resolve an alert whose SLO or pair of windows is no more."""
    slo_alerts.delete_firing(cursor, key)
    explainer.end(key)
    summary = f"{key.service}: {key.slo_name} was changed or removed; this alert is no longer evaluated"
    annotations = {**firing.annotations, Annotation.SUMMARY: summary}
    return _event(key, AlertDecision.RESOLVED, firing.started_at_ns, now_ns, annotations)


def _event(
    key: BurnAlertKey,
    decision: AlertDecision,
    starts_at_ns: int,
    ends_at_ns: int | None,
    annotations: Mapping[Annotation, str],
) -> AlertEvent:
    return alert_event(
        AlertName.SLO_BURN_RATE,
        service=key.service,
        slo=key.slo_name,
        severity=key.severity,
        burn_window=key.burn_window,
        state=AlertState.FIRING if ends_at_ns is None else AlertState.RESOLVED,
        decision=decision,
        starts_at_ns=starts_at_ns,
        ends_at_ns=ends_at_ns,
        annotations=annotations,
    )


def _figures(verdict: Verdict) -> dict[str, float]:
    """What a decision was taken on."""
    reading = verdict.reading
    figures = {
        "factor": reading.pair.factor,
        "long_burn_rate": reading.long_burn,
        "short_burn_rate": reading.short_burn,
        "long_events": reading.long.total,
        "short_events": reading.short.total,
    }
    return {name: value for name, value in figures.items() if not math.isnan(value)}
