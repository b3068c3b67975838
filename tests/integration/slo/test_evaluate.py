"""The SLO clock's evaluation on a real database: fires and resolves once, says why, survives whatever is repeated."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from infra.slo.evaluate import SloEvaluator
from infra.store.database import Database
from models.names import Severity
from models.reasons import AlertDecision, AlertState
from models.slo.burn import Counts
from models.slo.definition import (
    BurnCondition,
    GapPolicy,
    Slices,
    Slo,
    TimeWindow,
    WindowUnit,
)
from models.slo.rollups import Rollup
from tests.clock import ManualClock
from tests.integration.slo.story import LINKS, START_S, Story, slo

pytestmark = pytest.mark.integration


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database, SloEvaluator(database, LINKS, ManualClock().steady_s))


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


def test_an_evaluator_that_starts_anew_goes_on_where_the_last_one_stopped(story: Story) -> None:
    story.apply(slo())
    story.count(0, 0, 100)
    story.evaluate(1)
    fired = len(story.outbox())
    story.evaluator = SloEvaluator(story.database, LINKS, ManualClock().steady_s)
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
    assert rows["period"] == (pytest.approx(0.01), pytest.approx(1.0), pytest.approx(1 - 30 / 86_400))
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
    assert deleted == {Rollup.MINUTE: 4, Rollup.HOUR: 2, Rollup.DAY: 0}
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
    views = {view.slo.name: view for view in story.evaluate(60).views}
    ratios = {name: view.windows[3600].error_ratio for name, view in views.items()}
    assert ratios["unknown"] == pytest.approx(0.01)
    assert ratios["good"] == pytest.approx(0.01 * 30 / 58)  # the newest two minutes may be on their way
    assert ratios["bad"] == pytest.approx((30 + 28 * 100) / 5800)
    assert ratios["quiet"] == 0.0
    assert {e.labels["slo"] for e in story.outbox()} == {"bad"}


def of_every_policy() -> list[Slo]:
    return [msgspec.structs.replace(slo(policy.value), gaps=policy) for policy in GapPolicy]


def hour(story: Story, minute: float) -> dict[str, tuple[float, float]]:
    """Good and total of the last hour by SLO, as evaluated at a minute of the story."""
    views = story.evaluate(minute).views
    return {view.slo.name: (view.windows[3600].good, view.windows[3600].total) for view in views}


def test_while_the_whole_stream_stands_still_no_policy_counts_anything_as_missing(story: Story) -> None:
    story.apply(*of_every_policy())
    for minute in range(20):
        for policy in GapPolicy:
            story.count(minute, 100, 100, policy.value)
    for minute in (20, 21, 22, 23, 25, 30, 40):
        evaluation = story.evaluate(minute)
        assert evaluation.transitions == ()
        assert {view.period for view in evaluation.views} == {Counts(2000, 2000)}
    assert set(evaluation.decisions) == {AlertDecision.HELD_NO_DATA}


def test_minutes_in_which_nobody_published_count_as_the_slo_says_once_somebody_does(story: Story) -> None:
    story.apply(*of_every_policy())
    for minute in (*range(20), *range(40, 46)):
        if minute == 40:
            story.evaluate(30)
        for policy in GapPolicy:
            story.count(minute, 100, 100, policy.value)
        if minute >= 40:
            story.evaluate(minute + 0.9)
    assert hour(story, 46) == {"unknown": (2600, 2600), "good": (4400, 4400), "bad": (2600, 4400)}
    assert {event.labels["slo"] for event in story.outbox()} == {"bad"}


def test_a_backlog_that_workers_catch_up_with_is_no_gap_though_one_partition_comes_after_the_other(
    story: Story,
) -> None:
    early, late = of_every_policy()[-1], msgspec.structs.replace(slo("late"), gaps=GapPolicy.BAD)
    story.apply(early, late)
    for minute in range(20):
        story.count(minute, 100, 100, "bad")
        story.count(minute, 100, 100, "late")
    story.evaluate(59.5)  # a worker is back after 40 minutes
    for minute in range(20, 60):
        story.count(minute, 100, 100, "bad")
    assert story.evaluate(59.7).transitions == (), "one partition is there, the other has not begun"
    for minute in range(20, 60):
        story.count(minute, 100, 100, "late")
        if minute % 2 == 0:
            assert story.evaluate(59.7 + minute / 10).transitions == ()
    assert hour(story, 66)["late"] == (5400, 5400), "all that came, of minutes 6 to 59"


def test_a_service_that_does_not_come_back_with_the_others_is_missed_two_minutes_later(story: Story) -> None:
    gone = msgspec.structs.replace(slo("gone"), gaps=GapPolicy.BAD)
    story.apply(gone, slo("other"))
    for minute in range(20):
        story.count(minute, 100, 100, "gone")
        story.count(minute, 100, 100, "other")
    story.evaluate(59.5)  # the stream has stood still for 40 minutes
    for minute in range(20, 60):
        story.count(minute, 100, 100, "other")
    fired = []
    for minute in range(60, 66):
        story.count(minute, 100, 100, "other")
        fired += [(minute, event.labels["slo"]) for event in story.evaluate(minute + 0.5).transitions]
    assert {slo_name for _, slo_name in fired} == {"gone"}
    assert min(minute for minute, _ in fired) == 62


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
