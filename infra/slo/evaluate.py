"""One evaluation of every SLO: database and now in; readings, decisions and transitions out, all in one transaction."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import msgspec
from psycopg2.extensions import cursor as Cursor

from infra.slo import causes as slo_causes
from infra.slo import retention as slo_retention
from infra.slo.changes import EvaluationRecord, Taken
from infra.slo.views import read_views, status_rows
from infra.store import outbox
from infra.store.database import Database
from infra.store.slo import burn_alerts
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as slo_exceptions
from infra.store.slo.burn_alerts import BurnAlert
from infra.store.slo.definitions import StoredSlos
from models.alerting.alert import Links
from models.names import Topic
from models.reasons import AlertDecision
from models.records import AlertEvent
from models.slo.alert_text import burn_annotations, burn_event, end_annotations
from models.slo.burn_alert import BurnAlertKey, BurnDecision, FiringAlert
from models.slo.exclusions import SloExclusion
from models.slo.plan import BurningSince, Plan, Transition, plan
from models.slo.rollups import Rollup
from models.slo.telemetry import Telemetry
from models.slo.view import SloView
from models.timestamps import SECOND_NS


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation saw and did.

    Attributes:
        transitions: alerts that began or ended, as they went into the outbox.
        planned: the same, each with its reason.
        decisions: how often each decision was taken, one for each SLO and pair of windows.
    """

    views: tuple[SloView, ...] = ()
    transitions: tuple[AlertEvent, ...] = ()
    planned: tuple[Transition, ...] = ()
    decisions: Mapping[AlertDecision, int] = field(default_factory=dict)


class _Seen(NamedTuple):
    """What an evaluation reads before it decides."""

    views: Sequence[SloView]
    newest_minute_s: float
    firing: Mapping[BurnAlertKey, FiringAlert]
    exclusions: Mapping[str, Sequence[SloExclusion]]


class SloEvaluator:
    """Evaluates the SLOs of one database. What it decides on is there; it remembers their definitions, what it wrote
    last, since when burns last that have to last (`alertAfter`), and which SLOs' counts move (`Telemetry`).

    Args:
        database: used from the calling thread.
        links: where alerts point to.
        steady_s: a steady clock, seconds; ends the search for causes in time.
    """

    def __init__(self, database: Database, links: Links, steady_s: Callable[[], float]) -> None:
        self._database = database
        self._links = links
        self._steady_s = steady_s
        self._stored = StoredSlos(-1, ())
        self._record = EvaluationRecord()
        self._telemetry = Telemetry()
        self._burning_since: BurningSince = {}

    def evaluate(self, now_ns: int) -> Evaluation:
        """Evaluate every SLO at `now_ns`, in one transaction.

        1. read the counts of all windows of all SLOs, which alerts fire, and what is excluded;
        2. plan which alerts begin and end, and why;
        3. explain those that begin, as far as time allows;
        4. write transitions to the outbox together with which alerts fire;
        5. rank anew the causes of alerts that go on, where they are a minute old, as far as time allows;
        6. record decisions and status as far as they have changed.

        An evaluation that fails leaves nothing; one whose commit went through unnoticed finds its alerts firing when
        it is repeated, and sends nothing twice.

        Raises:
            Unavailable: PostgreSQL does not answer. Evaluate again.
        """
        now_ns -= now_ns % 1000  # PostgreSQL keeps microseconds; an alert's start must read the same ever after
        with _no_search_for_cycles(), self._database.transaction() as cursor:
            seen = self._read(cursor, now_ns)
            decided = plan(
                seen.views,
                seen.firing,
                seen.exclusions,
                now_ns,
                newest_minute_s=seen.newest_minute_s,
                burning_since=self._burning_since,
            )
            explainer = self._explainer(cursor, now_ns)
            begun = [self._explain(explainer, one) for one in decided.transitions]
            events = _write(cursor, decided.transitions, begun, now_ns)
            explainer.rank_anew()
            self._record_changes(cursor, decided, seen.views, now_ns)
        self._record.written()
        self._burning_since = decided.burning_since
        counted = Counter(one.verdict.decision for one in decided.judged)
        return Evaluation(tuple(seen.views), tuple(events), tuple(decided.transitions), counted)

    def forget(self) -> None:
        """Another process may evaluate meanwhile: take nothing for granted that was written before."""
        self._record.forget()
        self._burning_since = {}

    def delete_old_counts(self, now_ns: int) -> dict[Rollup, int]:
        """Delete the counts that nothing needs any more; how many rows of each level went. Raises `Unavailable`."""
        with self._database.transaction() as cursor:
            self._load(cursor)
            return slo_retention.delete_old_counts(cursor, self._stored.slos, now_ns / SECOND_NS)

    def _load(self, cursor: Cursor) -> None:
        if slos.revision(cursor) != self._stored.revision:
            self._stored = slos.load(cursor)
            self._telemetry.forget()

    def _read(self, cursor: Cursor, now_ns: int) -> _Seen:
        self._load(cursor)
        exclusions = slo_exceptions.load(cursor)
        views, newest_s = read_views(cursor, self._stored.slos, exclusions, now_ns / SECOND_NS, self._telemetry)
        return _Seen(views, newest_s, burn_alerts.load_firing(cursor), exclusions)

    def _explainer(self, cursor: Cursor, now_ns: int) -> slo_causes.Explainer:
        stored = {(each.slo.service, each.slo.name): each for each in self._stored.slos}
        return slo_causes.Explainer(cursor, stored, now_ns, steady_s=self._steady_s)

    def _explain(self, explainer: slo_causes.Explainer, transition: Transition) -> BurnAlert | None:
        """The alert that begins, with what it says; None where one ends."""
        judged = transition.judged
        if transition.fired is not None or judged is None:
            return None
        alert = explainer.explain(transition.key)
        causes = None if alert.explained_ns == slo_causes.NEVER else alert.causes
        view, reading = judged.view, judged.verdict.reading
        return replace(alert, annotations=burn_annotations(view, reading, causes, self._links))

    def _record_changes(self, cursor: Cursor, decided: Plan, views: Sequence[SloView], now_ns: int) -> None:
        taken = [
            Taken("/".join(key), verdict.decision.value, partial(_figures, verdict))
            for _, verdict, key in decided.judged
        ]
        status = [row for view in views for row in status_rows(view, view.slo.window_lengths)]
        self._record.write(cursor, taken, status, now_ns)


def _write(
    cursor: Cursor, transitions: Sequence[Transition], begun: Sequence[BurnAlert | None], now_ns: int
) -> list[AlertEvent]:
    """Which alerts fire from now on, and the events that tell of it; these.

    Args:
        begun: beside each transition the alert that begins with it.
    """
    events = []
    for transition, alert in zip(transitions, begun, strict=True):
        if alert is not None:
            burn_alerts.insert(cursor, alert)
            annotations = alert.annotations
        else:
            burn_alerts.end(cursor, transition.key.fingerprint, now_ns, transition.reason)
            annotations = end_annotations(transition)
        events.append(burn_event(transition, now_ns, annotations))
    outbox.put(cursor, [(Topic.ALERTS, e.fingerprint, e.id, msgspec.json.encode(e)) for e in events])
    return events


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


def _figures(verdict: BurnDecision) -> dict[str, float]:
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
