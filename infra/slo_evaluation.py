"""One evaluation of every SLO: database and now in; readings, decisions and transitions out, all in one transaction."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from psycopg2.extensions import cursor as Cursor

from infra import slo_causes
from infra.store import decisions, outbox, slo_alerts, slo_windows, slos
from infra.store.database import Database
from infra.store.slo_alerts import BurnAlertKey, FiringAlert
from infra.store.slo_windows import PERIOD, WindowRequest, WindowStatus
from infra.store.slos import StoredSlo, StoredSlos
from models.alerts import alert_event
from models.names import AlertName, Annotation, Severity, Topic
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.slo.alerting import Links, burn_annotations, resolved_annotations
from models.slo.burn import Counts, window_start_s
from models.slo.decide import Verdict, judge
from models.slo.periods import period_bounds
from models.slo.windows import DAY_S, window_lengths, window_name

DECISION_KIND = "slo"

KEPT_BEYOND_PERIOD_S = DAY_S
"""Counts are kept a day longer than the period needs them, so that a clock set wrong for a while costs no budget."""


@dataclass(frozen=True, slots=True)
class SloView:
    """One SLO at one moment.

    Attributes:
        windows: counts by length of the window in seconds.
        period: counts of the whole period up to now.
    """

    stored: StoredSlo
    windows: Mapping[int, Counts]
    period: Counts

    def status(self) -> list[WindowStatus]:
        """The view as rows: one for each window, and one for the period."""
        id_, target = self.stored.id, self.stored.slo.target_ratio
        named = [(window_name(length), counts) for length, counts in self.windows.items()]
        rows = [WindowStatus(id_, name, c.error_ratio, c.burn_rate(target), None) for name, c in named]
        c = self.period
        return [*rows, WindowStatus(id_, PERIOD, c.error_ratio, c.burn_rate(target), c.budget_remaining(target))]


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
    """Evaluates the SLOs of one database. Remembers their definitions only; the rest is in the database.

    Args:
        database: used from the calling thread.
        links: where alerts point to.
    """

    def __init__(self, database: Database, links: Links) -> None:
        self._database = database
        self._links = links
        self._stored = StoredSlos(-1, ())

    def evaluate(self, now_ns: int) -> Evaluation:
        """Evaluate every SLO at `now_ns`, in one transaction.

        1. read the counts of all windows of all SLOs, and which alerts fire;
        2. decide about every pair of windows;
        3. write transitions to the outbox together with which alerts fire, the decisions and the status;
        4. rank the causes of the alerts that go on anew, where they were ranked a minute ago.

        An evaluation that fails leaves nothing; one whose commit went through unnoticed finds its alerts firing when
        it is repeated, and sends nothing twice.

        Raises:
            Unavailable: PostgreSQL does not answer. Evaluate again.
        """
        now_ns -= now_ns % 1000  # PostgreSQL keeps microseconds; an alert's start must read the same ever after
        with self._database.transaction() as cursor:
            self._load(cursor)
            views, newest_s = self._read(cursor, now_ns / 1e9)
            firing = slo_alerts.load_firing(cursor)
            firing_of: dict[tuple[str, str], set[tuple[Severity, str]]] = defaultdict(set)
            for service, name, severity, burn_window in firing:
                firing_of[service, name].add((severity, burn_window))
            verdicts = [
                (view, verdict, _key(view, verdict))
                for view in views
                for verdict in judge(
                    view.stored.slo,
                    view.windows,
                    firing=firing_of.get((view.stored.slo.service, view.stored.slo.name), ()),
                    now_s=now_ns / 1e9,
                    newest_minute_s=newest_s,
                )
            ]
            events = [
                event
                for view, verdict, key in verdicts
                if (event := self._transition(cursor, now_ns, view, verdict, firing.get(key))) is not None
            ]
            judged = {key for _, _, key in verdicts}
            events += [_end_unwatched(cursor, key, firing[key], now_ns) for key in firing if key not in judged]
            outbox.put(cursor, [(Topic.ALERTS, e.fingerprint, e.id, msgspec.json.encode(e)) for e in events])
            decided = [_decided(verdict, key) for _, verdict, key in verdicts]
            decisions.record(cursor, DECISION_KIND, decided, now_ns)
            slo_causes.refresh(cursor, now_ns)
            slo_windows.write_status(cursor, [row for view in views for row in view.status()], now_ns)
        counted = Counter(verdict.decision for _, verdict, _ in verdicts)
        return Evaluation(tuple(views), tuple(events), counted)

    def delete_old_counts(self, now_ns: int) -> int:
        """Delete the counts that no window needs any more; how many minutes went. Raises `Unavailable`."""
        with self._database.transaction() as cursor:
            self._load(cursor)
            oldest = []
            for stored in self._stored.slos:
                start_s, _ = period_bounds(stored.slo.window, now_ns / 1e9)
                longest_s = max(window_lengths(stored.slo.window.nominal_s))
                kept_from_s = min(start_s, now_ns / 1e9 - longest_s) - KEPT_BEYOND_PERIOD_S
                oldest.append(WindowRequest(stored.id, math.floor(kept_from_s)))
            return slo_windows.delete_counts_before(cursor, oldest)

    def _load(self, cursor: Cursor) -> None:
        if slos.revision(cursor) != self._stored.revision:
            self._stored = slos.load(cursor)

    def _read(self, cursor: Cursor, now_s: float) -> tuple[list[SloView], float]:
        """Every SLO's counts, and the newest minute that any of them counted (epoch seconds)."""
        lengths = [window_lengths(stored.slo.window.nominal_s) for stored in self._stored.slos]
        requests = []
        for stored, windows in zip(self._stored.slos, lengths, strict=True):
            start_s, _ = period_bounds(stored.slo.window, now_s)
            requests += [WindowRequest(stored.id, window_start_s(now_s, length)) for length in windows]
            requests.append(WindowRequest(stored.id, window_start_s(start_s, 0)))
        sums = slo_windows.read_sums(cursor, requests, now_s)
        counts = iter(sums.counts)
        views = [
            SloView(stored, {length: next(counts) for length in windows}, next(counts))
            for stored, windows in zip(self._stored.slos, lengths, strict=True)
        ]
        return views, sums.newest_minute_s

    def _transition(
        self, cursor: Cursor, now_ns: int, view: SloView, verdict: Verdict, firing: FiringAlert | None
    ) -> AlertEvent | None:
        """The event for an alert that begins or ends, remembered as such; None where nothing changes."""
        slo, reading, key = view.stored.slo, verdict.reading, _key(view, verdict)
        if verdict.decision is AlertDecision.FIRED:
            explained = slo_causes.explain(cursor, view.stored, reading.pair.name, now_ns)
            annotations = burn_annotations(slo, reading, view.period, explained.causes, self._links)
            slo_alerts.insert_firing(cursor, key, now_ns, annotations)
            slo_causes.remember(cursor, key, explained, now_ns)
            return _event(key, verdict.decision, now_ns, None, annotations)
        if verdict.decision is AlertDecision.RESOLVED and firing is not None:
            slo_alerts.delete_firing(cursor, key)
            slo_causes.forget(cursor, key, now_ns)
            annotations = resolved_annotations(firing.annotations, slo, reading, view.period)
            return _event(key, verdict.decision, firing.started_at_ns, now_ns, annotations)
        return None


def _key(view: SloView, verdict: Verdict) -> BurnAlertKey:
    pair, slo = verdict.reading.pair, view.stored.slo
    return BurnAlertKey(slo.service, slo.name, pair.severity, pair.name)


def _end_unwatched(cursor: Cursor, key: BurnAlertKey, firing: FiringAlert, now_ns: int) -> AlertEvent:
    """Resolve an alert whose SLO or pair of windows is no more."""
    slo_alerts.delete_firing(cursor, key)
    slo_causes.forget(cursor, key, now_ns)
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


def _decided(verdict: Verdict, key: BurnAlertKey) -> decisions.Decided:
    reading = verdict.reading
    figures = {
        "factor": reading.pair.factor,
        "long_burn_rate": reading.long_burn,
        "short_burn_rate": reading.short_burn,
        "long_events": reading.long.total,
        "short_events": reading.short.total,
    }
    known = {name: value for name, value in figures.items() if not math.isnan(value)}
    return decisions.Decided("/".join(key), verdict.decision.value, known)
