"""What a page says about its causes, on a real database: when it fires, while it goes on, after samples were read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from psycopg2.extensions import cursor as Cursor

from infra.lake.lake import LakeReader, LakeWriter
from infra.slo.causes import SPEND_S, look_at_samples
from infra.slo.evaluate import SloEvaluator
from infra.store.database import Database
from infra.store.slo import burn_alerts, dependencies
from models.records import SampleColumns
from models.series import EntityRule, format_series
from models.slo.causes.text import NO_CAUSE, NOT_YET
from tests.clock import ManualClock
from tests.integration.slo.story import LINKS, START_S, Story, slo

pytestmark = pytest.mark.integration

RULE = EntityRule(("service",), ("instance",), "host")


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database, SloEvaluator(database, LINKS, ManualClock().steady_s))


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
        "alertname": "SLOBurnRate",
        "service": "checkout",
        "slo": "latency",
        "severity": "page",
        "burn_window": "2m",
    }
    assert page.annotations == {
        "summary": "checkout: latency burns its error budget 40 times too fast, 94.44% of the budget of 1d is left, "
        "11 min counted so far; "
        "first cause latency_ms 57% (checkout/i-1: 812, expected 180 to 260, began 4 min before the burn)",
        "description": "40% of 200 events in the last 2m were bad and 40% of 100 in the last 1m. "
        "99% are to be good over 1d; above 14.4 times the allowed rate, 2m spends more than 2% of the budget.",
        "causes": "latency_ms 57% (checkout/i-1: 812, expected 180 to 260, began 4 min before the burn); "
        "cpu_ratio 43% (checkout/i-2 and 1 more: 812, expected 180 to 260, began 4 min before the burn)",
        "score": "4",
        "expected": "180 to 260",
        "budget_left": "94.44%",
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
    first = "disk_ratio 72% (checkout/i-2: 812, expected 180 to 260, began 1 min into the burn)"
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


def test_dependencies_are_read_once_however_many_alerts_are_explained(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.apply(slo(), slo("errors"), slo("freshness"))
    reads = 0
    load = dependencies.load

    def counting(cursor: Cursor) -> list[dependencies.Dependency]:
        nonlocal reads
        reads += 1
        return load(cursor)

    monkeypatch.setattr(dependencies, "load", counting)
    for name in ("latency", "errors", "freshness"):
        story.count(0, 100, 100, name)
    story.evaluate(0.5)
    assert reads == 0, "nothing to explain"
    for name in ("latency", "errors", "freshness"):
        story.count(8, 0, 100, name)
    assert len(story.evaluate(9).transitions) == 12
    assert reads == 1
    story.evaluate(10.5)  # all twelve are ranked anew
    assert reads == 2


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


def test_when_everything_burns_at_once_pages_do_not_wait_for_causes_which_follow(database: Database) -> None:
    clock = ManualClock()

    def slow_s() -> float:
        clock.advance(SPEND_S)
        return clock.steady_s()

    story = Story(database, SloEvaluator(database, LINKS, slow_s))
    story.apply(slo())
    story.anomaly("checkout/i-1", 8, {"latency_ms": 1.0}, peak=2.0)
    for minute in range(12):
        story.count(minute, 100 if minute < 9 else 0, 100)
    assert len(story.evaluate(11).transitions) == 4
    story.deliver()
    assert story.said("12m")["causes"] == NOT_YET
    lake = LakeReader("nowhere")
    assert look_at_samples(story.database, lake, RULE, int((START_S + 60 * 11.1) * 1e9)) == 0  # first things first
    story.evaluator = SloEvaluator(database, LINKS, clock.steady_s)
    story.evaluate(11.2)
    assert story.said("12m")["causes"].startswith("latency_ms 100% (checkout/i-1")
    assert "; first cause latency_ms" in story.said("12m")["summary"]
    with story.database.transaction() as cursor:
        kept = burn_alerts.firing(cursor)
    assert {alert.burn_began_ns for alert in kept} == {(START_S + 9 * 60) * 10**9}
