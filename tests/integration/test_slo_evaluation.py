"""The SLO clock's evaluation on a real database: fires and resolves once, says why, survives whatever is repeated."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from infra.lake import LakeReader, LakeWriter
from infra.slo_causes import look_at_samples
from infra.slo_evaluation import Evaluation, SloEvaluator
from infra.store import alerts, burn_alerts, dependencies, slos
from infra.store.database import Database
from infra.store.watch import save_episodes
from models.names import Severity
from models.reasons import AlertDecision, AlertState
from models.records import AlertEvent, SampleColumns
from models.results import Episode, SeriesPart
from models.series import EntityRule, format_series
from models.slo.alerting import Links
from models.slo.binding import ThresholdOp
from models.slo.cause_text import NO_CAUSE
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit

pytestmark = pytest.mark.integration

START_S = 1_780_000_020 // 60 * 60
DAY = TimeWindow(1, WindowUnit.DAY)  # burn windows of 2m/1m, 12m/1m (page), 48m/4m, 144m/12m (ticket)
RULE = EntityRule(("service",), ("instance",), "host")
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

    def anomaly(
        self,
        entity: str,
        minute: float,
        shares: dict[str, float],
        *,
        peak: float,
        until: float | None = None,
        service: str = "checkout",
    ) -> None:
        """An anomaly episode as the watch agent stores it; told anew it replaces what was known of it."""
        started_ns = int((START_S + 60 * minute) * 1e9)
        ended_ns = None if until is None else int((START_S + 60 * until) * 1e9)
        parts = tuple(
            SeriesPart(metric, 60 * share, started_ns, started_ns, 812.4, 200.0, 180.0, 260.0)
            for metric, share in shares.items()
        )
        first = next(iter(shares))
        episode = Episode(
            f"{entity}:{minute}", service, entity, started_ns, ended_ns, started_ns, peak, started_ns, first,
            list(shares.items()), 812.4, 200.0, 180.0, 260.0, "7", AlertState.FIRING, AlertDecision.FIRED, parts,
        )  # fmt: skip
        with self.database.transaction() as cursor:
            save_episodes(cursor, [episode])

    def said(self, burn_window: str) -> dict[str, str]:
        """Annotations of an alert as Alertmanager is told of it next."""
        with self.database.transaction() as cursor:
            cursor.execute("SELECT annotations FROM alert WHERE labels->>'burn_window' = %s", (burn_window,))
            row = cursor.fetchone()
        assert row is not None
        return dict(row[0])

    def deliver(self) -> None:
        """What the notify agent does with the alerts of the outbox."""
        events = self.outbox()
        with self.database.transaction() as cursor:
            alerts.store(cursor, events)

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
    story.anomaly("checkout/i-1", -80, {"disk_ratio": 1.0}, until=-70, peak=9.0)
    story.anomaly("checkout/i-1", 5, {"latency_ms": 0.75, "cpu_ratio": 0.25}, peak=4.0)
    story.anomaly("checkout/i-2", 9, {"cpu_ratio": 1.0}, until=9.5, peak=1.25)
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
        "first cause latency_ms 57% (checkout/i-1: 812, expected 180 to 260, began 4 min before the burn)",
        "description": "40% of 200 events in the last 2m were bad and 40% of 100 in the last 1m. "
        "99% are to be good over 1d; above 14.4 times the allowed rate, 2m spends more than 2% of the budget.",
        "causes": "latency_ms 57% (checkout/i-1: 812, expected 180 to 260, began 4 min before the burn); "
        "cpu_ratio 43% (checkout/i-2 and 1 more: 812, expected 180 to 260, began 4 min before the burn)",
        "score": "4",
        "expected": "180 to 260",
        "budget_left": "-627.3%",
        "model_version": "7",
        "dashboard_url": "http://grafana:3000/d/tidewatch-live?var-service=checkout",
        "runbook_url": "https://runbooks/slo.md#sloburnrate",
    }


def test_a_page_that_goes_on_names_its_causes_as_they_are_ranked_now(story: Story) -> None:
    story.apply(slo())
    story.anomaly("checkout/i-1", 8, {"latency_ms": 1.0}, peak=2.0)
    for minute in range(30):
        story.count(minute, 100 if minute < 9 else 0, 100)
    story.evaluate(11)
    story.deliver()
    assert story.said("12m")["causes"].startswith("latency_ms 100% (checkout/i-1")
    story.anomaly("checkout/i-2", 10, {"disk_ratio": 0.9, "latency_ms": 0.1}, peak=8.0)
    story.evaluate(11.5)
    assert "disk_ratio" not in story.said("12m")["causes"]
    story.evaluate(12.1)
    said = story.said("12m")
    first = "disk_ratio 63% (checkout/i-2: 812, expected 180 to 260, began 1 min into the burn)"
    assert said["causes"].startswith(first)
    assert said["score"] == "8"
    assert "; first cause disk_ratio" in said["summary"]
    assert len(story.outbox()) == 4
    for minute in range(30, 60):
        story.count(minute, 100, 100)
    story.evaluate(45)
    resolved = next(e for e in story.outbox() if e.state == "resolved" and e.labels["burn_window"] == "12m")
    assert resolved.annotations["causes"] == said["causes"]
    with story.database.transaction() as cursor:
        kept = burn_alerts.of_service_between(cursor, "checkout", 0, 2**62)
    (page,) = [alert for alert in kept if alert.burn_window == "12m"]
    assert page.fingerprint == resolved.fingerprint
    assert page.burn_began_ns == (START_S + 9 * 60) * 10**9
    assert page.ended_ns == (START_S + 45 * 60) * 10**9
    assert [(cause.metric, cause.lead_s) for cause in page.causes] == [("disk_ratio", -60.0), ("latency_ms", 60.0)]


def test_a_page_names_what_is_wrong_upstream_and_nothing_of_services_it_does_not_call(story: Story) -> None:
    story.apply(slo())
    story.anomaly("payments/i-1", 5, {"disk_ratio": 1.0}, peak=6.0, service="payments")
    story.anomaly("search/i-1", 5, {"cpu_ratio": 1.0}, peak=6.0, service="search")
    story.anomaly("checkout/i-1", 8, {"latency_ms": 1.0}, peak=2.0)
    with story.database.transaction() as cursor:
        dependencies.replace_file(cursor, {"checkout": ["payments"], "search": ["checkout"]})
    story.count(8, 0, 100)
    story.evaluate(9)
    (page,) = [event for event in story.outbox() if event.labels["burn_window"] == "2m"]
    first, second = page.annotations["causes"].split("; ")
    assert first.startswith("disk_ratio of payments 81% (payments/i-1: 812")
    assert second.startswith("latency_ms 19% (checkout/i-1: 812")


def test_samples_show_what_crept_where_no_anomaly_was_found_and_a_lake_that_is_away_is_waited_for(
    story: Story, tmp_path: Path
) -> None:
    story.apply(slo())
    ticks = np.arange(-170 * 60, 12 * 60, 10)
    memory = 0.5 + 0.4 * np.clip((ticks + 1800) / 1800, 0, 1) + np.random.default_rng(0).normal(0, 0.01, len(ticks))
    writer = LakeWriter(tmp_path / "lake", RULE)
    writer.append(
        SampleColumns(
            [format_series("memory_ratio", {"service": "checkout", "instance": "i-1"})],
            np.zeros(len(ticks), np.int32),
            (START_S + ticks) * 1_000_000_000,
            memory,
        ),
        "metrics:0",
        np.arange(len(ticks)),
    )
    writer.flush()
    for minute in range(12):
        story.count(minute, 100 if minute < 10 else 0, 100)
    story.evaluate(11.5)
    story.deliver()
    assert story.said("12m")["causes"] == NO_CAUSE
    (tmp_path / "no folder").write_text("")
    now_ns = int((START_S + 60 * 11.6) * 1e9)
    away = LakeReader(tmp_path / "no folder")
    assert look_at_samples(story.database, away, RULE, now_ns) == 0
    lake = LakeReader(tmp_path / "lake")
    assert look_at_samples(story.database, lake, RULE, now_ns + 299 * 10**9) == 0
    assert look_at_samples(story.database, lake, RULE, now_ns + 300 * 10**9) == 4
    said = story.said("12m")
    assert re.fullmatch(
        r"memory_ratio 100% \(checkout/i-1: 0\.9\d*, expected 0\.4\d* to 0\.5\d*, began 3\d min before the burn\)",
        said["causes"],
    )
    assert "; first cause memory_ratio" in said["summary"]
    story.evaluate(17.5)  # ranks anew, and still knows what the samples showed
    assert story.said("12m")["causes"] == said["causes"]


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
