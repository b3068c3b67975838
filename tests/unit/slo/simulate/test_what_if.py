"""What-if over past samples: the same counts as live, alerts with their delays, variants side by side, suggestions."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from models.labels import LabelWindow
from models.names import Severity
from models.records import SampleColumns
from models.series import EntityRule
from models.sli.binding import ThresholdOp
from models.slo.burn import Counts, Recorded, window_sums
from models.slo.definition import (
    GapPolicy,
    MetricQuery,
    RatioIndicator,
    Slices,
    Slo,
    ThresholdIndicator,
    TimeWindow,
    WindowUnit,
)
from models.slo.simulate.recorder import SloRecorder
from models.slo.simulate.what_if import concerns, evaluation_moments, simulate, suggest_target, variants

RULE = EntityRule(("service",), ("instance",), "host")
START_S = 1_780_000_020 // 3600 * 3600
MONTH, DAY = TimeWindow(30, WindowUnit.DAY), TimeWindow(1, WindowUnit.DAY)
RATIO = RatioIndicator(MetricQuery("bad_total", ()), True, MetricQuery("all_total", ()), True)
LATENCY = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
EMPTY = Recorded(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))


def slo(target: float = 0.999, indicator: RatioIndicator | ThresholdIndicator = RATIO) -> Slo:
    return Slo("web-ok", "web", target, MONTH, indicator)


def counters(bad: list[float], *, events: float = 100, step_s: int = 60) -> SampleColumns:
    """Counters of which each step adds so many events and so many bad ones."""
    values = np.zeros((len(bad) + 1, 2))
    values[1:] = np.cumsum(np.column_stack((np.full(len(bad), events), bad)), axis=0)
    times = (START_S + np.arange(len(bad) + 1, dtype=np.int64) * step_s) * 1_000_000_000
    which = np.tile(np.array([0, 1], np.int32), len(values))
    return SampleColumns(
        ['all_total{service="web"}', 'bad_total{service="web"}'], which, np.repeat(times, 2), values.ravel()
    )


def recorded(samples: SampleColumns, *slos: Slo, every_s: float = 60) -> SloRecorder:
    recorder = SloRecorder(slos, RULE, lateness_s=60, every_s=every_s)
    recorder.record(samples)
    return recorder


OUTAGE = [0.0] * 180 + [100.0] * 30 + [0.0] * 180


def test_growth_counts_where_it_began_and_is_known_when_the_sample_that_tells_of_it_comes() -> None:
    found = recorded(counters([5.0, 7.0]), slo()).recorded(0)
    assert (found.minute_s - START_S).tolist() == [0, 60]
    assert (found.seen_s - START_S).tolist() == [60.0, 120.0]
    assert (found.total.tolist(), found.good.tolist()) == ([100.0, 100.0], [95.0, 93.0])


def test_an_evaluation_does_not_see_samples_of_its_own_future() -> None:
    found = recorded(counters([0.0] * 30 + [100.0], step_s=60), slo(), every_s=10).recorded(0)
    transitions = simulate(variants(slo(), [], [], [])[0], found, evaluation_moments([found], 10), []).transitions
    assert {t.at_s - START_S for t in transitions} == {31 * 60.0}


def test_counts_do_not_depend_on_how_the_samples_are_cut() -> None:
    samples = counters(OUTAGE)
    recorder = SloRecorder([slo()], RULE, lateness_s=60, every_s=60)
    for start in range(0, len(samples), 7):
        part = slice(start, start + 7)
        recorder.record(
            SampleColumns(samples.series_ids, samples.series[part], samples.event_time_ns[part], samples.values[part])
        )
    moments = START_S + np.arange(0.0, len(OUTAGE) * 60, 60)
    cut, whole = (window_sums(each.recorded(0), moments, 300) for each in (recorder, recorded(samples, slo())))
    assert (cut.good.tolist(), cut.total.tolist()) == (whole.good.tolist(), whole.total.tolist())


def test_alerts_tell_how_soon_they_came_and_went_and_what_is_left_of_the_budget() -> None:
    found = recorded(counters(OUTAGE), slo()).recorded(0)
    outcome = simulate(variants(slo(), [], [], [])[0], found, evaluation_moments([found], 60), [])
    page = next(alert for alert in outcome.alerts if alert.burn_window == "1h")
    # one bad minute is 1.67 % of an hour, above 14.4 * 0.1 %; five minutes after the last the short window is clean
    assert (page.severity, page.detection_s, page.reset_s) == (Severity.PAGE, 60.0, 300.0)
    assert outcome.period.total == 39_000
    assert outcome.period.error_ratio == pytest.approx(30 / 390)
    assert outcome.budget_remaining == pytest.approx(1 - 30 / 390 / 0.001 * outcome.lived.share)
    assert outcome.lived.share == pytest.approx(390 / (30 * 1440), rel=0.01)


def test_detection_and_reset_are_those_of_the_burn_where_a_few_errors_are_usual() -> None:
    """One request in a hundred fails every half hour, which is ten times what a minute may."""
    usual = [1.0 if minute % 30 == 15 else 0.0 for minute in range(1500)]
    found = recorded(counters([*usual, *[50.0] * 20, *usual[:400]]), slo()).recorded(0)
    outcome = simulate(variants(slo(), [], [], [])[0], found, evaluation_moments([found], 60), [])
    times = {
        (alert.burn_window, (alert.fired_s - START_S) / 60): (alert.detection_s, alert.reset_s)
        for alert in outcome.alerts
        if alert.severity is Severity.PAGE
    }
    # with 2 usual errors the second minute passes 1.44 % of an hour's 6,000, with 12 the fifth 0.6 % of six hours'
    assert times == {("1h", 1502.0): (120.0, 300.0), ("6h", 1505.0): (300.0, 1800.0)}


def test_a_budget_of_slices_is_told_in_slices_and_gaps_count_as_the_slo_says() -> None:
    half = [0.0] * 60 + [100.0] * 30 + [0.0] * 90
    sliced = msgspec.structs.replace(slo(0.9), slices=Slices(300, 0.95))
    found = recorded(counters(half), sliced).recorded(0)
    outcome = simulate(variants(sliced, [], [], [])[0], found, evaluation_moments([found], 60), [])
    assert outcome.period == Counts(30.0, 36.0)
    missing = msgspec.structs.replace(slo(0.9), gaps=GapPolicy.BAD)
    samples = counters(half)
    kept = (samples.event_time_ns < (START_S + 3600) * 10**9) | (samples.event_time_ns >= (START_S + 5400) * 10**9)
    there = SampleColumns(samples.series_ids, samples.series[kept], samples.event_time_ns[kept], samples.values[kept])
    found = recorded(there, missing).recorded(0)
    outcome = simulate(variants(missing, [], [], [])[0], found, evaluation_moments([found], 60), [])
    assert outcome.period.total > found.total.sum()
    assert outcome.period.error_ratio > (found.total - found.good).sum() / found.total.sum()


def test_an_alert_that_still_fires_at_the_end_has_no_end() -> None:
    found = recorded(counters([0.0] * 60 + [100.0] * 5), slo()).recorded(0)
    outcome = simulate(variants(slo(), [], [], [])[0], found, evaluation_moments([found], 60), [])
    assert {(alert.resolved_s, alert.reset_s) for alert in outcome.alerts} == {(None, None)}


def test_every_combination_is_tried_and_thresholds_only_where_there_is_one() -> None:
    tried = variants(slo(indicator=LATENCY), [0.9, 0.99], [100.0, 200.0], [DAY])
    assert [variant.change for variant in tried] == [
        "target=90% threshold=100 period=1d",
        "target=90% threshold=200 period=1d",
        "target=99% threshold=100 period=1d",
        "target=99% threshold=200 period=1d",
    ]
    last = tried[-1].slo
    assert (last.target_ratio, last.window) == (0.99, DAY)
    assert isinstance(last.indicator, ThresholdIndicator)
    assert last.indicator.threshold == 200.0
    assert [variant.change for variant in variants(slo(), [], [100.0], [])] == [""]


def noise(first_minute: int, last_minute: int, entity: str = "web") -> LabelWindow:
    return LabelWindow(
        entity, (START_S + 60 * first_minute) * 1_000_000_000, (START_S + 60 * last_minute) * 1_000_000_000
    )


def test_the_suggested_target_is_the_tightest_that_does_not_page_for_noise() -> None:
    found = recorded(counters(OUTAGE), slo()).recorded(0)
    moments = evaluation_moments([found], 60)
    marked = [noise(175, 215)]
    suggested = suggest_target(slo(), found, moments, marked)
    assert suggested is not None
    for target, expected in ((suggested, 0), (suggested + 0.001, 1)):
        (variant,) = variants(slo(), [target], [], [])
        alerts = simulate(variant, found, moments, marked).alerts
        assert (sum(a.noise and a.severity is Severity.PAGE for a in alerts) > 0) == bool(expected)


def test_what_was_not_noise_may_page() -> None:
    found = recorded(counters(OUTAGE), slo()).recorded(0)
    suggested = suggest_target(slo(), found, evaluation_moments([found], 60), [noise(0, 100)])
    assert suggested == pytest.approx(0.999999)


def test_no_target_is_suggested_where_nothing_was_marked_for_the_slo() -> None:
    found = recorded(counters(OUTAGE), slo()).recorded(0)
    (variant,) = variants(slo(), [], [], [])
    outcome = simulate(variant, found, evaluation_moments([found], 60), [noise(175, 215, "other")])
    assert outcome.suggested_target is None
    assert not any(alert.noise for alert in outcome.alerts)


@pytest.mark.parametrize(
    ("entity", "expected"),
    [("web-ok", True), ("web", True), ("web/i-1", True), ("", True), ("webshop", False), ("i-1", False)],
)
def test_a_mark_concerns_the_slo_its_service_and_the_services_entities(entity: str, expected: bool) -> None:
    assert concerns(LabelWindow(entity, 0, 1), slo()) is expected


def test_nothing_counted_gives_no_moments_and_no_alerts() -> None:
    outcome = simulate(variants(slo(), [], [], [])[0], EMPTY, evaluation_moments([EMPTY], 60), [])
    assert (outcome.transitions, outcome.alerts, outcome.period.total) == ([], [], 0.0)


def test_series_that_nothing_matched_are_told() -> None:
    samples = counters([1.0])
    only_all = SampleColumns(
        samples.series_ids[:1], samples.series[::2], samples.event_time_ns[::2], samples.values[::2]
    )
    assert [binding.metric for binding in recorded(only_all, slo()).unmatched(0)] == ["bad_total"]
