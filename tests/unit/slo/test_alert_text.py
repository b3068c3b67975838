"""What a burn alert says when it begins and when it ends, and the event that carries it."""

from __future__ import annotations

import pytest

from models.alerting.alert import Links
from models.names import Annotation, Severity
from models.reasons import AlertDecision, TransitionReason
from models.sli.binding import ThresholdOp
from models.slo.alert_text import burn_annotations, burn_event, end_annotations
from models.slo.budget import Lived
from models.slo.burn import Counts
from models.slo.burn_alert import BurnAlertKey, BurnDecision, BurnReading, FiringAlert
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.plan import Judged, Transition
from models.slo.view import SloView

INDICATOR = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
SLO = Slo("latency", "checkout", 0.99, TimeWindow(1, WindowUnit.DAY), INDICATOR)
PAIR = SLO.pairs[0]
KEY = BurnAlertKey("checkout", "latency", PAIR.severity, PAIR.name)
PERIOD = Counts(9990.0, 10_000.0)
VIEW = SloView(1, SLO, {}, PERIOD, Lived(86_400.0, 86_400.0, 86_400.0))
FIRED = FiringAlert(
    1_780_000_000_000_000_000,
    {Annotation.SUMMARY: "as said then", Annotation.CAUSES: "cpu_ratio 80%", Annotation.BUDGET_LEFT: "95%"},
)


def judged(short: Counts) -> Judged:
    reading = BurnReading(PAIR, Counts(90.0, 100.0), short, SLO.target_ratio)
    return Judged(VIEW, BurnDecision(reading, AlertDecision.RESOLVED), KEY)


def test_an_alert_that_begins_says_how_fast_what_is_left_and_that_causes_follow() -> None:
    reading = BurnReading(PAIR, Counts(60.0, 100.0), Counts(50.0, 100.0), SLO.target_ratio)
    said = burn_annotations(VIEW, reading, None, Links("", ""))
    assert said == {
        Annotation.SUMMARY: "checkout: latency burns its error budget 40 times too fast, 90% of it is left",
        Annotation.DESCRIPTION: "40% of 100 events in the last 2m were bad and 50% of 100 in the last 1m. "
        "99% are to be good over 1d; above 14.4 times the allowed rate, 2m spends more than 2% of the budget.",
        Annotation.BUDGET_LEFT: "90%",
        Annotation.CAUSES: "not looked for yet, as many alerts fire at once; they follow",
    }


def test_in_the_first_hours_the_budget_is_that_of_the_whole_period_and_a_window_says_what_it_holds() -> None:
    month = Slo("errors", "shop", 0.999, TimeWindow(30, WindowUnit.DAY), INDICATOR)
    two_hours = Lived(7200.0, 7200.0, 30 * 86_400.0)
    period = Counts(438_000.0, 443_000.0)  # seven minutes of 20 %
    pair = month.pairs[-1]
    said = burn_annotations(
        SloView(1, month, {}, period, two_hours), BurnReading(pair, period, period, 0.999), None, Links("", "")
    )
    assert said[Annotation.SUMMARY] == (
        "shop: errors burns its error budget 11.3 times too fast, 96.86% of the budget of 30d is left, "
        "2 h counted so far"
    )
    assert said[Annotation.DESCRIPTION].startswith(
        "1.129% of 443,000 events in the 2 h counted so far of the last 3d were bad and 1.129% of 443,000 in "
        "the 2 h counted so far of the last 6h. "
    )
    assert said[Annotation.BUDGET_LEFT] == "96.86%"


@pytest.mark.parametrize(
    ("reason", "summary"),
    [
        (TransitionReason.PAUSED, "checkout: latency is paused; its alerts are held"),
        (TransitionReason.IN_MAINTENANCE, "checkout: latency is in maintenance; its alerts are held"),
        (TransitionReason.SILENCED, "checkout: latency is silenced; its alerts are held"),
        (
            TransitionReason.BURN_OVER,
            "checkout: latency no longer burns its error budget too fast (0 times the allowed rate), 90% of it is left",
        ),
    ],
)
def test_an_alert_that_ends_repeats_what_it_said_with_the_outcome_first(reason: TransitionReason, summary: str) -> None:
    said = end_annotations(Transition(KEY, reason, judged(Counts(100.0, 100.0)), FIRED))
    assert said == {
        Annotation.SUMMARY: summary,
        Annotation.CAUSES: "cpu_ratio 80%",
        Annotation.BUDGET_LEFT: "90%",
    }


def test_an_alert_that_ends_because_nobody_counts_any_more_says_so() -> None:
    said = end_annotations(Transition(KEY, TransitionReason.BURN_OVER, judged(Counts(0.0, 0.0)), FIRED))
    assert "(no more events)" in said[Annotation.SUMMARY]


def test_an_alert_whose_slo_is_gone_keeps_its_last_figures() -> None:
    said = end_annotations(Transition(KEY, TransitionReason.NO_LONGER_EVALUATED, None, FIRED))
    assert said == {
        **FIRED.annotations,
        Annotation.SUMMARY: "checkout: latency was changed or removed; this alert is no longer evaluated",
    }


def test_begin_and_end_are_events_of_one_alert() -> None:
    now_ns = FIRED.started_at_ns
    begin = burn_event(Transition(KEY, TransitionReason.BURNS_TOO_FAST, judged(PERIOD), None), now_ns, {})
    end = burn_event(
        Transition(KEY, TransitionReason.BURN_OVER, judged(PERIOD), FIRED), now_ns + 60_000_000_000, FIRED.annotations
    )
    assert (begin.state, begin.decision, end.state, end.decision) == ("firing", "fired", "resolved", "resolved")
    assert begin.fingerprint == end.fingerprint == KEY.fingerprint
    assert begin.labels["severity"] == Severity.PAGE.value
    assert (begin.starts_at, begin.ends_at) == (end.starts_at, None)
    assert end.ends_at == "2026-05-28T20:27:40Z"
