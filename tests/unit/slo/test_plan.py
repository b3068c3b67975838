"""Which burn alerts begin and end, and why, case by case."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest

from models.names import Annotation, Severity
from models.reasons import AlertDecision, AlertState, TransitionReason
from models.sli.binding import ThresholdOp
from models.slo.budget import Lived
from models.slo.burn import Counts
from models.slo.burn_alert import BurnAlertKey, FiringAlert
from models.slo.definition import BurnCondition, MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.slo.plan import Plan, plan
from models.slo.view import SloView
from models.timestamps import SECOND_NS

NOW_S = 1_780_000_020
ONE_PAIR = BurnCondition("fast", Severity.PAGE, 10.0, 600, 0)
WHOLE = Lived(86_400.0, 86_400.0, 86_400.0)
SLO = Slo(
    "latency",
    "checkout",
    0.99,
    TimeWindow(1, WindowUnit.DAY),
    ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0),
    conditions=(ONE_PAIR,),
)
KEY = BurnAlertKey("checkout", "latency", Severity.PAGE, "10m")
OTHER_KEY = BurnAlertKey("checkout", "latency", Severity.PAGE, "1h")
FIRED = FiringAlert((NOW_S - 300) * SECOND_NS, {Annotation.SUMMARY: "as said then"})
BAD, GOOD = Counts(50.0, 100.0), Counts(100.0, 100.0)
BEGUN = AlertState.FIRING, TransitionReason.BURNS_TOO_FAST


def excluded(kind: ExclusionKind, from_s: int = -60, to_s: int | None = None) -> SloExclusion:
    end_ns = None if to_s is None else (NOW_S + to_s) * SECOND_NS
    return SloExclusion(1, "latency", kind, (NOW_S + from_s) * SECOND_NS, end_ns, "", "ann")


@dataclass
class Case:
    """What an evaluation sees: one SLO with one pair of windows."""

    counts: Counts = GOOD
    firing: tuple[BurnAlertKey, ...] = ()
    exclusions: list[SloExclusion] = field(default_factory=list)
    newest_minute_s: float = NOW_S - 60.0
    slo: Slo = SLO
    since_s: float | None = None

    def plan(self) -> Plan:
        windows = dict.fromkeys(self.slo.shown_lengths, self.counts)
        since = {} if self.since_s is None else {("checkout", "latency"): {(Severity.PAGE, "10m"): self.since_s}}
        return plan(
            [SloView(1, self.slo, windows, self.counts, WHOLE)],
            dict.fromkeys(self.firing, FIRED),
            {"latency": self.exclusions},
            NOW_S * SECOND_NS,
            newest_minute_s=self.newest_minute_s,
            burning_since=since,
        )


ENDS = AlertState.RESOLVED
LASTING = msgspec.structs.replace(SLO, conditions=(msgspec.structs.replace(ONE_PAIR, after_s=120),))


@pytest.mark.parametrize(
    ("case", "decision", "transitions"),
    [
        pytest.param(Case(), AlertDecision.HELD_BELOW_THRESHOLD, [], id="nothing burns"),
        pytest.param(Case(BAD), AlertDecision.FIRED, [BEGUN], id="a burn begins an alert"),
        pytest.param(Case(BAD, (KEY,)), AlertDecision.RENEWED, [], id="which goes on"),
        pytest.param(
            Case(firing=(KEY,)), AlertDecision.RESOLVED, [(ENDS, TransitionReason.BURN_OVER)], id="until it is over"
        ),
        pytest.param(
            Case(firing=(KEY,), newest_minute_s=NOW_S - 3600.0),
            AlertDecision.HELD_NO_DATA,
            [],
            id="while the whole stream is silent nothing ends",
        ),
        pytest.param(
            Case(BAD, exclusions=[excluded(ExclusionKind.PAUSE)]),
            AlertDecision.HELD_PAUSED,
            [],
            id="a paused SLO begins no alert",
        ),
        pytest.param(
            Case(BAD, (KEY,), [excluded(ExclusionKind.PAUSE)]),
            AlertDecision.RESOLVED,
            [(ENDS, TransitionReason.PAUSED)],
            id="and ends the one that fires",
        ),
        pytest.param(
            Case(BAD, (KEY,), [excluded(ExclusionKind.MAINTENANCE)]),
            AlertDecision.RESOLVED,
            [(ENDS, TransitionReason.IN_MAINTENANCE)],
            id="so does one in maintenance",
        ),
        pytest.param(
            Case(BAD, (KEY,), [excluded(ExclusionKind.SILENCE)]),
            AlertDecision.RESOLVED,
            [(ENDS, TransitionReason.SILENCED)],
            id="and a silenced one",
        ),
        pytest.param(
            Case(GOOD, (KEY,), [excluded(ExclusionKind.SILENCE)]),
            AlertDecision.RESOLVED,
            [(ENDS, TransitionReason.SILENCED)],
            id="an alert that ends while silenced says so",
        ),
        pytest.param(
            Case(BAD, (KEY,), [excluded(ExclusionKind.SILENCE, 60, 120)]),
            AlertDecision.RENEWED,
            [],
            id="what is to come holds nothing yet",
        ),
        pytest.param(
            Case(BAD, (OTHER_KEY,)),
            AlertDecision.FIRED,
            [BEGUN, (ENDS, TransitionReason.NO_LONGER_EVALUATED)],
            id="an alert of a pair that is no more ends after the others",
        ),
        pytest.param(
            Case(BAD, slo=LASTING), AlertDecision.HELD_TOO_SHORT, [], id="a burn that has to last is waited for"
        ),
        pytest.param(
            Case(BAD, slo=LASTING, since_s=NOW_S - 120.0), AlertDecision.FIRED, [BEGUN], id="and fires once it has"
        ),
    ],
)
def test_one_pair_of_windows(
    case: Case, decision: AlertDecision, transitions: list[tuple[AlertState, TransitionReason]]
) -> None:
    found = case.plan()
    assert [(one.key, one.verdict.decision) for one in found.judged] == [(KEY, decision)]
    assert [(one.state, one.reason) for one in found.transitions] == transitions


def test_an_alert_whose_slo_is_no_more_ends() -> None:
    found = plan([], {KEY: FIRED}, {}, NOW_S * SECOND_NS, newest_minute_s=-1.0, burning_since={})
    (transition,) = found.transitions
    assert (transition.key, transition.reason, transition.fired) == (KEY, TransitionReason.NO_LONGER_EVALUATED, FIRED)
    assert transition.decision is AlertDecision.RESOLVED
    assert transition.judged is None


def test_a_burn_that_has_to_last_is_remembered_from_its_first_evaluation_until_it_is_over() -> None:
    pair = (Severity.PAGE, "10m")
    owner = ("checkout", "latency")
    assert Case(BAD, slo=LASTING).plan().burning_since == {owner: {pair: NOW_S}}
    assert Case(BAD, slo=LASTING, since_s=NOW_S - 30.0).plan().burning_since == {owner: {pair: NOW_S - 30.0}}
    assert Case(GOOD, slo=LASTING, since_s=NOW_S - 30.0).plan().burning_since == {}
    assert Case(BAD).plan().burning_since == {}, "a pair that fires at once needs no memory"


def test_every_exception_has_the_reason_that_an_alert_ends_with() -> None:
    ended = {Case(BAD, (KEY,), [excluded(kind)]).plan().transitions[0].reason for kind in ExclusionKind}
    assert ended == {TransitionReason.PAUSED, TransitionReason.IN_MAINTENANCE, TransitionReason.SILENCED}
