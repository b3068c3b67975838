"""The SLO clock's evaluation on a real database: fires and resolves once, says why, survives whatever is repeated."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec
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
from models.slo.burn import Counts
from models.slo.cause_text import NO_CAUSE
from models.slo.definition import (
    BurnCondition,
    GapPolicy,
    MetricQuery,
    Slices,
    Slo,
    ThresholdIndicator,
    TimeWindow,
    WindowUnit,
)
from models.slo.levels import Level

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
    assert (decision, times) == (AlertDecision.HELD_BELOW_THRESHOLD, 1), "what does not change is written once"
    assert detail["factor"] == 14.4
    assert detail["long_burn_rate"] == pytest.approx(1.0)


def test_what_does_not_change_is_not_written_again_until_another_worker_may_have(story: Story) -> None:
    story.apply(slo())
    story.count(0, 99, 100)

    def versions() -> tuple[set[str], datetime]:
        with story.database.transaction() as cursor:
            cursor.execute("SELECT xmin FROM slo_status UNION SELECT xmin FROM decision WHERE kind = 'slo'")
            found = {str(xmin) for (xmin,) in cursor.fetchall()}
            cursor.execute("SELECT evaluated_at FROM slo_evaluation")
            ((at,),) = cursor.fetchall()
        return found, at

    story.evaluate(0.5)
    before, first_at = versions()
    story.evaluate(0.6)
    unchanged, second_at = versions()
    assert unchanged == before
    assert second_at > first_at
    story.evaluator.forget()
    story.evaluate(0.7)
    assert not versions()[0] & before
    story.count(1, 0, 100)
    story.evaluate(1.5)
    with story.database.transaction() as cursor:
        cursor.execute("SELECT error_ratio FROM slo_status WHERE burn_window = 'period'")
        assert cursor.fetchall() == [(pytest.approx(0.505),)]


def test_counts_are_kept_as_long_as_their_level_needs_them(story: Story) -> None:
    story.apply(slo(window=TimeWindow(30, WindowUnit.DAY)))
    for day in (0, 5, 30, 36, 40):
        story.count(day * 1440, 1, 1)
    deleted = story.evaluator.delete_old_counts(int((START_S + 60 * 40 * 1440 + 1800) * 1e9))
    # minutes for three days and one, hours for thirty and two, days for four hundred
    assert deleted == {Level.MINUTE: 4, Level.HOUR: 2, Level.DAY: 0}
    (view,) = story.evaluate(40 * 1440).views
    assert view.period.total == 3


def test_a_calendar_period_that_begins_within_an_hour_keeps_the_minutes_it_begins_with(story: Story) -> None:
    month = TimeWindow(1, WindowUnit.MONTH, "2026-01-01T00:00:00", "Asia/Kolkata")  # half past the hours of UTC
    story.apply(slo(window=month))
    began_s = int(datetime(2026, 5, 31, 18, 30, tzinfo=UTC).timestamp())
    for minute in (-1, 0, 20 * 1440):
        story.count((began_s - START_S) // 60 + minute, 1, 1)
    now_minute = (began_s - START_S) / 60 + 20 * 1440 + 0.5
    for _ in range(2):
        (view,) = story.evaluate(now_minute).views
        assert view.period.total == 2
        story.evaluator.delete_old_counts(int((START_S + 60 * now_minute) * 1e9))


def test_a_gap_in_telemetry_counts_as_the_slo_says_and_zero_traffic_never(story: Story) -> None:
    policies = {policy: slo(policy.value) for policy in GapPolicy}
    told = [msgspec.structs.replace(each, gaps=policy) for policy, each in policies.items()]
    story.apply(*told, slo("quiet"), slo("other"))
    for minute in range(60):
        story.count(minute, 100, 100, "other")  # the stream goes on
        story.count(minute, *((100, 100) if minute < 10 else (0, 0)), "quiet")
        if minute < 30:
            for policy in GapPolicy:
                story.count(minute, 99, 100, policy.value)
    views = {view.stored.slo.name: view for view in story.evaluate(60).views}
    ratios = {name: view.windows[3600].error_ratio for name, view in views.items()}
    assert ratios["unknown"] == pytest.approx(0.01)
    assert ratios["good"] == pytest.approx(0.01 * 30 / 58)  # the newest two minutes may be on their way
    assert ratios["bad"] == pytest.approx((30 + 28 * 100) / 5800)
    assert ratios["quiet"] == 0.0
    assert {e.labels["slo"] for e in story.outbox()} == {"bad"}


def test_a_condition_of_ones_own_fires_after_it_has_lasted(story: Story) -> None:
    condition = BurnCondition("fast", Severity.TICKET, 2.0, 600, 120)
    story.apply(msgspec.structs.replace(slo(), conditions=(condition,)))
    for minute in range(10):
        story.count(minute, 100, 100)
    decisions = []
    for minute in range(10, 16):
        story.count(minute, 70, 100)
        decisions += list(story.evaluate(minute + 0.9).decisions)
    held, fired, renewed = AlertDecision.HELD_TOO_SHORT, AlertDecision.FIRED, AlertDecision.RENEWED
    assert decisions == [held, held, fired, renewed, renewed, renewed]
    assert story.transitions() == [("firing", "ticket", "10m")]
    (alert,) = story.outbox()
    description = "8.182% of 1,100 events in the last 10m were bad. 99% are to be good over 1d; "
    assert alert.annotations["description"].startswith(description)


def test_slices_are_counted_whole_and_stay_so_when_samples_come_late(story: Story) -> None:
    sliced = msgspec.structs.replace(slo(), slices=Slices(300, 0.9))
    story.apply(sliced)
    for minute in range(180):  # 36 slices, of which every sixth has a minute without a single good event
        story.count(minute, 0 if minute % 30 == 7 else 100, 100)
    first_s = START_S // 300 * 300

    def period(minute: float) -> Counts:
        return story.evaluate(minute).views[0].period

    slices = {(START_S + 60 * minute) // 300 for minute in range(180)}
    complete = {s for s in slices if (s + 1) * 300 <= START_S + 180 * 60}
    bad = {(START_S + 60 * minute) // 300 for minute in range(7, 180, 30)}
    assert period(180) == Counts(len(complete) - len(bad & complete), len(complete))
    assert first_s <= START_S
    with story.database.transaction() as cursor:  # the last bad minute turns out to have been good
        at_s = START_S + 60 * 157
        cursor.execute("UPDATE slo_minute SET good = 100 WHERE minute = to_timestamp(%s)", (at_s,))
    assert period(180) == Counts(len(complete) - len(bad & complete) + 1, len(complete))
    with story.database.transaction() as cursor:
        cursor.execute("SELECT sum(good), sum(total) FROM slo_hour")
        hours = cursor.fetchone()
        cursor.execute("SELECT sum(good), sum(total) FROM slo_day")
        assert cursor.fetchone() == hours == (len(slices) - len(bad & slices) + 1, len(slices))


def test_a_change_from_events_to_slices_counts_anew_what_can_be(story: Story) -> None:
    story.apply(slo())
    for minute in range(120):
        story.count(minute, 50, 100)
    story.apply(msgspec.structs.replace(slo(), slices=Slices(60, 0.4)))
    with story.database.transaction() as cursor:
        cursor.execute("SELECT sum(good), sum(total), sum(minutes) FROM slo_day")
        assert cursor.fetchone() == (120, 120, 120)
    story.apply(slo())
    with story.database.transaction() as cursor:
        cursor.execute("SELECT sum(good), sum(total), sum(minutes) FROM slo_day")
        assert cursor.fetchone() == (6000, 12_000, 120)
