"""The SLO part's statements with their plans, as a document: a day in the life of a database with many SLOs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from psycopg2.extensions import cursor as Cursor

from benchmarks.slo.explained import StatementExplainer, shortened
from benchmarks.slo.filled import NOW_S, SERVICES
from infra.alerting import feedback
from infra.lake.lake import LakeReader
from infra.slo import exclusions as slo_exceptions
from infra.slo import proposals as slo_proposals
from infra.slo.causes import look_at_samples
from infra.slo.evaluate import SloEvaluator
from infra.slo.forecast import forecast_budgets, forecasts
from infra.store import alerts, watch
from infra.store import feedback as stored_feedback
from infra.store.database import Database
from infra.store.slo import burn_alerts, dependencies
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as stored_exceptions
from infra.store.slo import proposals as stored_proposals
from infra.store.slo import windows as slo_windows
from infra.store.slo.summaries import read_summaries
from models.alerting.alert import Links
from models.alerting.feedback import Mark, Verdict
from models.records import AlertEvent
from models.series import EntityRule
from models.service_graph import Edge
from models.slo.definition import GapPolicy, Slices
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.state.results import SloCounts
from models.timestamps import SECOND_NS

NOW_NS = NOW_S * SECOND_NS
BURNING = "service-0"
RULE = EntityRule(("service",), ("instance",), "host")
NOBODY = "benchmark"
LONGEST = 1500


def counts(slo_ids: list[int], at_s: float, *, good: float) -> SloCounts:
    """Twenty events of each SLO in one minute."""
    n = len(slo_ids)
    minutes = np.full(n, int(at_s) // 60 * 60, np.int64)
    return SloCounts(np.array(slo_ids, np.int32), minutes, np.full(n, good), np.full(n, 20.0))


def document(database: Database, n_slos: int) -> str:
    """Markdown: every statement of the SLO part with PostgreSQL's plan."""
    lines = [
        "# Queries of the SLO part",
        "",
        f"Every statement with PostgreSQL's plan, for {n_slos:,} SLOs over 30 days with four days of minutes and",
        f"400 of anomalies: `python -m benchmarks.slo --slos {n_slos} --plans benchmarks/results/slo-queries.md`.",
        "Long lists are cut. A statement stands where it first runs. Triggers show what minutes cost in hours and",
        "days.",
        "",
    ]
    explainer = StatementExplainer()
    for title, work in _Day(database).works():
        lines += [f"## {title}", ""]
        for statement, plan in explainer.explain(database, work):
            sql = "\n".join(line.rstrip() for line in shortened(statement).strip().splitlines())
            lines += ["```sql", _cut(sql), "```", "", "```", plan, "```", ""]
    return "\n".join(lines)


def _cut(sql: str) -> str:
    return sql if len(sql) <= LONGEST else f"{sql[: LONGEST - 400]} ... {sql[-400:]}"


class _Day:
    """What happens to the SLOs of one service, piece by piece; each piece finds what the ones before it left."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._evaluator = SloEvaluator(database, Links("", ""), time.monotonic)
        with database.transaction() as cursor:
            stored = slos.load(cursor).slos
        self._all = [each.id for each in stored]
        self._burning = [each for each in stored if each.slo.service == BURNING]
        self._events: list[AlertEvent] = []
        assert self._burning, f"some of the {SERVICES} services has to have SLOs"

    def works(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Title and work of each piece, in the order in which they have to run; what comes between is not explained."""
        yield "A worker counts a micro-batch", lambda: self._count(NOW_S, self._all, good=19.0)
        yield "The SLO clock evaluates", lambda: self._evaluate(0)
        self._burn()
        yield "Alerts begin, with their causes", lambda: self._evaluate(10)
        self._deliver()
        yield "Causes are ranked anew, samples looked at", self._rank_anew
        yield "Budgets are forecast", self._forecast
        yield "People look: status, causes, history", self._look
        yield "People judge alerts", self._judge
        yield "SLOs are excepted, and their alerts end", self._make_exceptions
        yield "Definitions change: time slices, gaps", self._redefine
        yield "What is too old is deleted", self._clean

    def _count(self, at_s: float, slo_ids: list[int], *, good: float) -> None:
        with self._database.transaction() as cursor:
            watch.add_slo_counts(cursor, counts(slo_ids, at_s, good=good))

    def _evaluate(self, after_s: float) -> None:
        evaluation = self._evaluator.evaluate(NOW_NS + int(after_s * SECOND_NS))
        self._events += evaluation.transitions

    def _burn(self) -> None:
        """Make the events of ten minutes bad."""
        with self._database.transaction() as cursor:
            dependencies.add(cursor, [Edge(BURNING, "service-1")], dependencies.DependencySource.TRACES)
        for minute in range(10):
            self._count(NOW_S - 60 * minute, [each.id for each in self._burning], good=-180.0)

    def _deliver(self) -> None:
        """Store the alerts as the notify agent does, and let another series be to blame from now on."""
        assert self._events, "SLOs whose events are all bad have to alert"
        with self._database.transaction() as cursor:
            alerts.store(cursor, self._events)
            cursor.execute(
                """UPDATE anomaly SET ended_at = NULL, series = '[{"metric": "cpu_ratio", "part": 1, "onset_ns": 1}]'
                   WHERE id = (SELECT id FROM anomaly WHERE service = %s ORDER BY started_at DESC LIMIT 1)""",
                (BURNING,),
            )

    def _rank_anew(self) -> None:
        self._evaluate(75)
        look_at_samples(self._database, LakeReader("/nowhere"), RULE, NOW_NS + 76 * SECOND_NS)

    def _forecast(self) -> None:
        forecast_budgets(self._database, Links("", ""), NOW_NS + 80 * SECOND_NS)

    def _look(self) -> None:
        with self._database.transaction() as cursor:
            read_summaries(cursor)
            burn_alerts.firing(cursor)
            burn_alerts.of_service_between(cursor, BURNING, NOW_NS - 3600 * SECOND_NS, NOW_NS)
            forecasts(cursor)
            slos.history(cursor, self._burning[0].slo.name)
            stored_exceptions.load(cursor, [self._burning[0].slo.name])
            dependencies.load(cursor)

    def _judge(self) -> None:
        def judge(cursor: Cursor) -> None:
            now_ns = NOW_NS + 90 * SECOND_NS
            known = feedback.known_alerts(cursor, 0)
            made = feedback.mark_alert(
                cursor, known[0].fingerprint, Verdict.NOISE, note="", marked_by=NOBODY, now_ns=now_ns
            )
            feedback.undo(cursor, made.mark.id, undone_by=NOBODY, now_ns=now_ns)
            missed = Mark(0, Verdict.MISSED, BURNING, "", "", NOW_NS - 600 * SECOND_NS, NOW_NS)
            feedback.mark_missed(cursor, missed, note="", marked_by=NOBODY, now_ns=now_ns)
            stored_feedback.load(cursor, BURNING)
            stored_feedback.marks_between(cursor, BURNING, NOW_NS, now_ns)
            stored_feedback.thresholds(cursor)
            stored_feedback.threshold_moves(cursor, BURNING)
            stored = self._burning[0].slo
            document, wanted = stored.document(), msgspec.structs.replace(stored, target_ratio=0.99).document()
            one = stored_proposals.insert(cursor, stored.name, "", document, wanted, now_ns=now_ns)
            stored_proposals.load(cursor)
            slo_proposals.refuse(cursor, one.id, decided_by=NOBODY, now_ns=now_ns)

        with self._database.transaction() as cursor:
            judge(cursor)

    def _make_exceptions(self) -> None:
        now_ns = NOW_NS + 100 * SECOND_NS
        with self._database.transaction() as cursor:
            made = [
                slo_exceptions.make(
                    cursor,
                    SloExclusion(0, each.slo.name, ExclusionKind.PAUSE, NOW_NS - 3600 * SECOND_NS, None, "", NOBODY),
                    now_ns=now_ns,
                )
                for each in self._burning
            ]
        self._evaluate(110)
        forecast_budgets(self._database, Links("", ""), NOW_NS + 400 * SECOND_NS)
        with self._database.transaction() as cursor:
            slo_exceptions.end(cursor, made[0].id, ended_by=NOBODY, now_ns=NOW_NS + 410 * SECOND_NS)

    def _redefine(self) -> None:
        sliced = [
            msgspec.structs.replace(each.slo, slices=Slices(300, 0.95), gaps=GapPolicy.BAD) for each in self._burning
        ]
        with self._database.transaction() as cursor:
            slos.apply(cursor, sliced, changed_by=NOBODY)
        self._evaluate(420)
        with self._database.transaction() as cursor:
            slo_windows.keep_status(cursor, [(slo_id, "1h") for slo_id in self._all])

    def _clean(self) -> None:
        self._evaluator.delete_old_counts(NOW_NS + 86_400 * SECOND_NS)
