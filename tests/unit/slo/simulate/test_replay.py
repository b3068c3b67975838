"""The clock's decisions over recorded counts, for all moments at once."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from models.names import Severity
from models.reasons import AlertState
from models.sli.binding import ThresholdOp
from models.slo.burn import Recorded, WindowSums
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.slo.simulate.replay import burning, changes, replay
from models.slo.windows import BurnPair

SLO = Slo(
    "latency",
    "shop",
    0.99,
    TimeWindow(30, WindowUnit.DAY),
    ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0),
)
HOUR_S = 3600
FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED
PAIR = BurnPair(Severity.PAGE, budget_share=0.02, long_s=3600, short_s=300, factor=14.4)


def recorded(minutes: int, bad_from: int, bad_to: int, events: float = 100.0) -> Recorded:
    minute_s = np.arange(minutes, dtype=np.int64) * 60
    good = np.full(minutes, events)
    good[bad_from:bad_to] = 0.0
    return Recorded(minute_s, good, np.full(minutes, events), (minute_s + 60).astype(np.float64))


def pages(slo: Slo, counts: Recorded, exceptions: tuple[SloExclusion, ...] = ()) -> list[tuple[float, str, AlertState]]:
    moments_s = np.arange(60.0, counts.minute_s[-1] + 120.0, 60.0)
    found = replay(slo, counts, moments_s, exceptions)
    return [(t.at_s / 60, t.burn_window, t.state) for t in found if t.severity is Severity.PAGE]


def test_an_outage_of_half_an_hour_pages_and_ends() -> None:
    # a 1h window without requests before has 14.4 % of errors nine minutes after they began; the short one ends it
    assert pages(SLO, recorded(600, 300, 330)) == [
        (309, "1h", FIRING),
        (320, "6h", FIRING),
        (335, "1h", RESOLVED),
        (359, "6h", RESOLVED),
    ]


def test_no_page_without_the_fewest_events() -> None:
    demanding = msgspec.structs.replace(SLO, min_events=7000.0)
    assert pages(demanding, recorded(600, 300, 330)) == [(320, "6h", FIRING), (359, "6h", RESOLVED)]


def test_no_page_in_a_silence_and_what_fires_ends_with_it() -> None:
    silence = SloExclusion(1, "latency", ExclusionKind.SILENCE, 315 * 60 * 10**9, 10_000 * 60 * 10**9, "", "ann")
    assert pages(SLO, recorded(600, 300, 330), (silence,)) == [(309, "1h", FIRING), (315, "1h", RESOLVED)]


def test_of_nothing_recorded_there_is_nothing_to_say() -> None:
    nothing = Recorded(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
    assert replay(SLO, nothing, np.empty(0)) == []
    assert replay(SLO, nothing, np.arange(60.0, 600.0, 60.0)) == []


def sums(*ratios: float) -> WindowSums:
    total = np.full(len(ratios), 100.0)
    return WindowSums(total * (1 - np.array(ratios)), total)


def test_both_windows_have_to_burn() -> None:
    found = burning(PAIR, {3600: sums(0.2, 0.2, 0.1, 0.14), 300: sums(0.2, 0.1, 0.2, 1.0)}, 0.99)
    assert found.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("burns", "held", "after_s", "expected"),
    [
        pytest.param("..xx.", ".....", 0, [(2, FIRING), (4, RESOLVED)], id="begins and ends with the burn"),
        pytest.param("..xxx", ".....", 0, [(2, FIRING)], id="goes on at the end"),
        pytest.param("x.x..", ".....", 0, [(0, FIRING), (1, RESOLVED), (2, FIRING), (3, RESOLVED)], id="twice"),
        pytest.param("xxxx.", ".....", 120, [(2, FIRING), (4, RESOLVED)], id="after it has lasted for two minutes"),
        pytest.param("xx.xx", ".....", 120, [], id="never, as it never lasts that long"),
        pytest.param("xxxxx", "..x..", 0, [(0, FIRING), (2, RESOLVED), (3, FIRING)], id="held for a moment"),
        pytest.param("xxxxx", "xxxxx", 0, [], id="held all the time"),
    ],
)
def test_when_an_alert_begins_and_ends(
    burns: str, held: str, after_s: int, expected: list[tuple[int, AlertState]]
) -> None:
    ratio = [1.0 if mark == "x" else 0.0 for mark in burns]
    pair = BurnPair(Severity.PAGE, budget_share=0.02, long_s=3600, short_s=300, factor=14.4, after_s=after_s)
    windows = {3600: sums(*ratio), 300: sums(*ratio)}
    moments_s = 60.0 * np.arange(len(burns))
    is_held = np.array([mark == "x" for mark in held])
    assert list(changes(pair, windows, SLO, moments_s, is_held)) == expected
