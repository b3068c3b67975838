"""The SLO clock's evaluation on a real database: fires and resolves once, says why, survives whatever is repeated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from psycopg2.extras import Json

from infra.slo_evaluation import Evaluation, SloEvaluator
from infra.store import slos
from infra.store.database import Database
from models.names import Severity
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent
from models.slo.alerting import Links
from models.slo.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.timestamps import to_datetime

pytestmark = pytest.mark.integration

START_S = 1_780_000_020 // 60 * 60
DAY = TimeWindow(1, WindowUnit.DAY)  # burn windows of 2m/1m, 12m/1m (page), 48m/4m, 144m/12m (ticket)
LINKS = Links("http://grafana:3000/", "https://runbooks/slo.md")


def slo(name: str = "latency", target: float = 0.99, window: TimeWindow = DAY) -> Slo:
    indicator = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
    return Slo(name, "checkout", target, window, indicator)


@dataclass
class Story:
    """A database with SLOs whose minutes are told one by one."""

    database: Database
    evaluator: SloEvaluator
    ids: dict[str, int] = field(default_factory=dict)

    def apply(self, *applied: Slo) -> None:
        with self.database.transaction() as cursor:
            slos.apply(cursor, applied, changed_by="test", remove_others=True)
            self.ids = {stored.slo.name: stored.id for stored in slos.load(cursor).slos}

    def count(self, minute: int, good: float, total: float, name: str = "latency") -> None:
        with self.database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO slo_minute VALUES (%s, to_timestamp(%s), %s, %s)",
                (self.ids[name], START_S + 60 * minute, good, total),
            )

    def evaluate(self, minute: float) -> Evaluation:
        return self.evaluator.evaluate(int((START_S + 60 * minute) * 1e9))

    def outbox(self) -> list[AlertEvent]:
        with self.database.transaction() as cursor:
            cursor.execute("SELECT topic, key, event_id, value FROM outbox ORDER BY id")
            rows = cursor.fetchall()
        events = [AlertEvent(**json.loads(bytes(value))) for _, _, _, value in rows]
        assert [(t, k, i) for t, k, i, _ in rows] == [("alerts", e.fingerprint, e.id) for e in events]
        return events

    def transitions(self) -> list[tuple[str, str, str]]:
        return [(e.state, e.labels["severity"], e.labels["burn_window"]) for e in self.outbox()]


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database, SloEvaluator(database, LINKS))


def test_an_outage_fires_once_and_resolves_with_everything_it_said(story: Story) -> None:
    story.apply(slo())
    for minute in range(10):
        story.count(minute, 100, 100)
    assert story.evaluate(10).transitions == ()
    story.count(10, 0, 100)
    story.evaluate(11)
    story.evaluate(11.1)
    pairs = {("page", "2m"), ("page", "12m"), ("ticket", "48m"), ("ticket", "144m")}
    assert sorted(story.transitions()) == sorted(("firing", *pair) for pair in pairs)
    for minute in range(11, 30):
        story.count(minute, 100, 100)
    story.evaluate(13.5)
    resolved = [event for event in story.outbox() if event.state == AlertState.RESOLVED]
    assert {event.labels["burn_window"] for event in resolved} == {"2m", "12m"}
    story.evaluate(30)
    events = story.outbox()
    assert len(events) == 8
    for event in events[4:]:
        (begun,) = [e for e in events[:4] if e.fingerprint == event.fingerprint]
        assert event.starts_at == begun.starts_at
        assert event.ends_at is not None
        assert event.annotations.keys() == begun.annotations.keys()
        assert "no longer burns" in event.annotations["summary"]


def test_a_page_says_how_fast_how_much_is_left_where_to_look_and_why(story: Story) -> None:
    story.apply(slo())
    with story.database.transaction() as cursor:
        for id_, entity, minute, ended, peak, causes in (
            ("old", "checkout/i-1", -50, -40, 9.0, [["disk_ratio", 1.0]]),
            ("now", "checkout/i-1", 8, None, 4.0, [["latency_ms", 0.75], ["cpu_ratio", 0.25]]),
            ("too", "checkout/i-2", 9, 9.5, 1.25, [["cpu_ratio", 1.0]]),
        ):
            at = to_datetime(int((START_S + 60 * minute) * 1e9))
            end = to_datetime(int((START_S + 60 * ended) * 1e9)) if ended else None
            cursor.execute(
                "INSERT INTO anomaly VALUES (%s, 'checkout', %s, %s, %s, %s, %s, %s, %s, 812.4, 200, 180, 260, '7')",
                (id_, entity, at, end, peak, at, causes[0][0], Json(causes)),
            )
    for minute in range(9):
        story.count(minute, 100, 100)
    for minute in (9, 10):
        story.count(minute, 60, 100)
    story.evaluate(11)
    (page,) = [event for event in story.outbox() if event.labels["burn_window"] == "2m"]
    assert page.labels == {
        "alertname": "SLOBurnRate", "service": "checkout", "slo": "latency", "severity": "page", "burn_window": "2m",
    }  # fmt: skip
    assert page.annotations == {
        "summary": "checkout: latency burns its error budget 40 times too fast, 727.3% of it is spent; "
        "first cause latency_ms 57% (checkout/i-1: 812, expected 180 to 260)",
        "description": "40% of 200 events in the last 2m were bad and 40% of 100 in the last 1m. "
        "99% are to be good over 1d; above 14.4 times the allowed rate, 2m spends more than 2% of the budget.",
        "causes": "latency_ms 57% (checkout/i-1: 812, expected 180 to 260); "
        "cpu_ratio 43% (checkout/i-2: 812, expected 180 to 260)",
        "score": "4",
        "expected": "180 to 260",
        "budget_left": "-627.3%",
        "model_version": "7",
        "dashboard_url": "http://grafana:3000/d/tidewatch-live?var-service=checkout",
        "runbook_url": "https://runbooks/slo.md#sloburnrate",
    }


def test_an_evaluator_that_starts_anew_goes_on_where_the_last_one_stopped(story: Story) -> None:
    story.apply(slo())
    story.count(0, 0, 100)
    story.evaluate(1)
    fired = len(story.outbox())
    story.evaluator = SloEvaluator(story.database, LINKS)
    assert story.evaluate(1.2).transitions == ()
    assert len(story.outbox()) == fired


def test_an_alert_is_kept_while_the_whole_stream_is_silent_and_ends_when_only_its_service_is(story: Story) -> None:
    story.apply(slo(), slo("other"))
    story.count(0, 0, 100)
    story.count(0, 100, 100, "other")
    story.evaluate(1)
    silent = story.evaluate(20)
    assert silent.transitions == ()
    assert silent.decisions[AlertDecision.HELD_NO_DATA] >= 3
    story.count(20, 100, 100, "other")
    story.evaluate(21)
    assert {e.labels["burn_window"] for e in story.outbox() if e.state == "resolved"} == {"2m", "12m", "48m", "144m"}


@pytest.mark.parametrize("change", ["removed", "other windows"])
def test_an_alert_whose_slo_is_gone_resolves(story: Story, change: str) -> None:
    story.apply(slo())
    story.count(0, 0, 100)
    story.evaluate(1)
    story.apply(*([] if change == "removed" else [slo(window=TimeWindow(30, WindowUnit.DAY))]))
    story.evaluate(1.2)
    resolved = [event for event in story.outbox() if event.state == "resolved"]
    assert {event.labels["burn_window"] for event in resolved} == {"2m", "12m", "48m", "144m"}
    assert all("changed or removed" in event.annotations["summary"] for event in resolved)


def test_status_and_decisions_are_stored_with_their_figures(story: Story) -> None:
    story.apply(slo())
    story.count(0, 99, 100)
    story.evaluate(0.5)
    story.evaluate(0.6)
    with story.database.transaction() as cursor:
        cursor.execute("SELECT burn_window, error_ratio, burn_rate, budget_remaining_ratio FROM slo_status")
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute("SELECT subject, decision, times, detail FROM decision WHERE kind = 'slo'")
        decided = {row[0]: row[1:] for row in cursor.fetchall()}
    assert set(rows) == {"1m", "2m", "4m", "12m", "48m", "144m", "period"}
    assert rows["1m"] == (pytest.approx(0.01), pytest.approx(1.0), None)
    assert rows["period"] == (pytest.approx(0.01), pytest.approx(1.0), pytest.approx(0.0))
    decision, times, detail = decided[f"checkout/latency/{Severity.PAGE}/2m"]
    assert (decision, times) == (AlertDecision.HELD_BELOW_THRESHOLD, 2)
    assert detail["factor"] == 14.4
    assert detail["long_burn_rate"] == pytest.approx(1.0)


def test_minutes_older_than_the_period_and_a_day_are_deleted(story: Story) -> None:
    story.apply(slo())
    for minute in (0, 60, 24 * 60, 48 * 60):
        story.count(minute, 1, 1)
    assert story.evaluator.delete_old_counts(int((START_S + 60 * (48 * 60 + 30)) * 1e9)) == 1
