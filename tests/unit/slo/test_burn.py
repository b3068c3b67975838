"""Burn windows, rates, budgets and decisions, against tables made by hand and against their properties."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.names import Severity
from models.reasons import AlertDecision, AlertState
from models.sli.binding import ThresholdOp
from models.slo.budget import Lived, budget_remaining
from models.slo.burn import Counts, Recorded, allowed_error_ratio, window_start_s, window_sums
from models.slo.burn_alert import BurnReading, decide, judge, out_of_reach
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.periods import period_bounds
from models.slo.simulate.replay import BurnTransition, replay, sums_of_windows
from models.slo.windows import WORKBOOK_RULES, BurnPair, burn_pairs, window_name
from models.timestamps import DAY_S, HOUR_S

PAGE, TICKET = Severity.PAGE, Severity.TICKET
MONTH = TimeWindow(30, WindowUnit.DAY)


def slo(target: float = 0.999, window: TimeWindow = MONTH, min_events: float = 1.0) -> Slo:
    indicator = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
    return Slo("latency", "checkout", target, window, indicator, min_events=min_events)


def _left(counts: Counts, target_ratio: float) -> float:
    """What is left of the budget where the whole period was counted."""
    return budget_remaining(counts, target_ratio, Lived(86_400.0, 86_400.0, 86_400.0))


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(
            30,
            [(PAGE, "1h", "5m", 14.4), (PAGE, "6h", "30m", 6), (TICKET, "1d", "2h", 3), (TICKET, "3d", "6h", 1)],
            id="30 days: the workbook's table",
        ),
        pytest.param(
            28,
            [
                (PAGE, "1h", "5m", 13.44),
                (PAGE, "6h", "30m", 5.6),
                (TICKET, "1d", "2h", 2.8),
                (TICKET, "3d", "6h", 0.933333333),
            ],
            id="28 days: the same windows, smaller factors",
        ),
        pytest.param(
            90,
            [(PAGE, "3h", "15m", 14.4), (PAGE, "18h", "90m", 6), (TICKET, "3d", "6h", 3), (TICKET, "9d", "18h", 1)],
            id="90 days: windows three times as long",
        ),
        pytest.param(
            7,
            [
                (PAGE, "14m", "1m", 14.4),
                (PAGE, "84m", "7m", 6),
                (TICKET, "336m", "28m", 3),
                (TICKET, "1008m", "84m", 1),
            ],
            id="7 days: windows shortened, never below a minute",
        ),
        pytest.param(
            1 / 24,
            [(PAGE, "1m", "1m", 1.2), (TICKET, "2m", "1m", 3), (TICKET, "6m", "1m", 1)],
            id="an hour: equal windows of one severity are one",
        ),
    ],
)
def test_windows_scale_with_the_period_and_factors_follow(
    days: float, expected: list[tuple[Severity, str, str, float]]
) -> None:
    pairs = burn_pairs(round(days * DAY_S))
    assert [(p.severity, p.name, window_name(p.short_s), p.factor) for p in pairs] == expected


@given(st.integers(HOUR_S // 60, 366 * 24 * 60))
def test_burning_at_the_factor_for_the_long_window_spends_the_rules_share(minutes: int) -> None:
    shares = {rule.budget_share for rule in WORKBOOK_RULES}
    for pair in burn_pairs(minutes * 60):
        assert pair.factor * pair.long_s / (minutes * 60) == pytest.approx(pair.budget_share, rel=1e-6)
        assert pair.budget_share in shares
        assert pair.long_s >= pair.short_s >= 60
        assert pair.long_s % 60 == pair.short_s % 60 == 0


@pytest.mark.parametrize(
    ("good", "total", "error_ratio", "burn_rate", "budget"),
    [
        pytest.param(1000, 1000, 0.0, 0.0, 1.0, id="all good leaves the budget whole"),
        pytest.param(999, 1000, 0.001, 1.0, 0.0, id="as bad as allowed spends it exactly"),
        pytest.param(985.6, 1000, 0.0144, 14.4, -13.4, id="the workbook's fast burn"),
        pytest.param(0, 10, 1.0, 1000.0, -999.0, id="an outage is the worst there is"),
        pytest.param(11, 10, 0.0, 0.0, 1.0, id="counters read at different moments: more good than total"),
        pytest.param(-1, 10, 1.0, 1000.0, -999.0, id="counters read at different moments: more bad than total"),
        pytest.param(0, 0, math.nan, math.nan, math.nan, id="no events say nothing"),
    ],
)
def test_rates_of_counts(good: float, total: float, error_ratio: float, burn_rate: float, budget: float) -> None:
    counts = Counts(good, total)
    found = (counts.error_ratio, counts.burn_rate(0.999), _left(counts, 0.999))
    assert found == pytest.approx((error_ratio, burn_rate, budget), nan_ok=True)


def test_a_window_is_made_of_the_minutes_that_overlap_it() -> None:
    minute_s = np.arange(0, 600, 60)
    one = np.ones(10)
    now_s = np.array([300.0, 330.0, 359.9, 3600.0])
    good, total = window_sums(Recorded(minute_s, one * 2, one * 3, minute_s.astype(float)), now_s, 120)
    # at 300 s: minutes 180, 240 and the one that begins now; at 330 s: 180 too, half of which is inside
    assert total.tolist() == [9.0, 9.0, 9.0, 0.0]
    assert good.tolist() == [6.0, 6.0, 6.0, 0.0]
    assert window_start_s(300.0, 120.0) == window_start_s(359.9, 120.0) == 180


minutes = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 50), st.integers(0, 50)).map(
        lambda m: (m[0] * 60, m[1], m[1] + m[2])
    ),
    max_size=60,
)


def recorded(rows: list[tuple[int, int, int]]) -> Recorded:
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
    return seen_at_once(table[:, 0], table[:, 1].astype(float), table[:, 2].astype(float))


def seen_at_once(minute_s: np.ndarray, good: np.ndarray, total: np.ndarray) -> Recorded:
    return Recorded(minute_s, good, total, minute_s.astype(float))


@given(minutes, st.integers(0, 60), st.integers(0, 210 * 60), st.sampled_from([60, 300, 3600]))
def test_sums_do_not_depend_on_order_or_split(
    rows: list[tuple[int, int, int]], cut: int, now_s: int, window_s: int
) -> None:
    now = np.array([float(now_s)])
    whole = window_sums(recorded(rows), now, window_s)
    turned = window_sums(recorded(rows[::-1]), now, window_s)
    halves = [window_sums(recorded(part), now, window_s) for part in (rows[:cut], rows[cut:])]
    assert [v[0] for v in turned] == [v[0] for v in whole]
    assert [a[0] + b[0] for a, b in zip(*halves, strict=True)] == [v[0] for v in whole]
    direct = [r for r in rows if window_start_s(now_s, window_s) <= r[0] <= now_s]
    assert [v[0] for v in whole] == [sum(r[1] for r in direct), sum(r[2] for r in direct)]


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0.01, 0.99999))
def test_budget_and_burn_rate_stay_within_their_bounds(good: float, total: float, target: float) -> None:
    counts = Counts(good, total)
    if total == 0:
        assert math.isnan(_left(counts, target))
        return
    most = 1 / allowed_error_ratio(target)
    assert 0 <= counts.burn_rate(target) <= most
    assert 1 - most <= _left(counts, target) <= 1


FAST = BurnPair(PAGE, 0.02, HOUR_S, 300, 14.4)


def reading(
    long_errors: float, short_errors: float, *, long_total: float = 1000, short_total: float = 100
) -> BurnReading:
    long = Counts(long_total * (1 - long_errors), long_total)
    return BurnReading(FAST, long, Counts(short_total * (1 - short_errors), short_total), 0.999)


@pytest.mark.parametrize(
    ("seen", "firing", "flows", "decision"),
    [
        pytest.param(reading(0.02, 0.02), False, True, AlertDecision.FIRED, id="both windows burn"),
        pytest.param(reading(0.02, 0.02), True, True, AlertDecision.RENEWED, id="they still burn"),
        pytest.param(reading(0.02, 0.01), False, True, AlertDecision.HELD_BELOW_THRESHOLD, id="it has stopped by now"),
        pytest.param(reading(0.01, 0.02), False, True, AlertDecision.HELD_BELOW_THRESHOLD, id="a blip so far"),
        pytest.param(reading(0.02, 0.01), True, True, AlertDecision.RESOLVED, id="the short window is calm again"),
        pytest.param(
            reading(0.02, 0.02, long_total=9), False, True, AlertDecision.HELD_TOO_FEW_EVENTS, id="low traffic"
        ),
        pytest.param(
            reading(0.02, 0.02, long_total=9), True, True, AlertDecision.RENEWED, id="traffic fell while firing"
        ),
        pytest.param(reading(0.02, 0, short_total=0), True, True, AlertDecision.RESOLVED, id="the service fell silent"),
        pytest.param(
            reading(0.02, 0, short_total=0), False, True, AlertDecision.HELD_NO_DATA, id="silence fires nothing"
        ),
        pytest.param(
            reading(0.02, 0, short_total=0), True, False, AlertDecision.HELD_NO_DATA, id="the stream stands still"
        ),
    ],
)
def test_decisions_carry_their_reason(seen: BurnReading, firing: bool, flows: bool, decision: AlertDecision) -> None:
    assert decide(seen, firing=firing, min_events=10, stream_flows=flows) is decision


def test_a_lenient_target_puts_fast_burns_out_of_reach() -> None:
    assert [pair.name for pair in out_of_reach(slo(target=0.9))] == ["1h"]
    assert out_of_reach(slo(target=0.99)) == []


def test_an_outage_pages_when_its_share_of_the_long_window_passes_the_factor() -> None:
    # 99.9 %, every event of minutes 120 to 139 bad
    minute_s = np.arange(0, 600 * 60, 60)
    total = np.full(600, 100.0)
    good = np.where((minute_s >= 7200) & (minute_s < 8400), 0.0, 100.0)
    moments = np.arange(0, 600 * 60, 60.0) + 59
    found = replay(slo(), seen_at_once(minute_s, good, total), moments)
    fired = {t.burn_window: (t.at_s - 7259) / 60 for t in found if t.state is AlertState.FIRING}
    # at the end of the first bad minute it is 1 of the 61 that overlap an hour, 1.6 %, above 14.4 * 0.1 %; and 1 of the
    # 121 that there are, 0.8 %, above 6, 3 and 1 * 0.1 %
    assert fired == {"1h": 0, "6h": 0, "1d": 0, "3d": 0}
    ended = {t.burn_window: (t.at_s - 8459) / 60 for t in found if t.state is AlertState.RESOLVED}
    # each ends when the last bad minute leaves its short window
    assert ended == {"1h": 5, "6h": 30, "1d": 120, "3d": 360}


def test_an_slo_with_a_minimum_of_events_waits_for_them() -> None:
    minute_s = np.arange(0, 600, 60)
    bad = np.zeros(10)
    found = replay(slo(min_events=5), seen_at_once(minute_s, bad, np.ones(10)), (minute_s + 59).astype(float))
    assert found[0] == BurnTransition(4 * 60 + 59, PAGE, "1h", AlertState.FIRING)


def stepwise(objective: Slo, counts: Recorded, moments: np.ndarray) -> list[BurnTransition]:
    """The transitions that the clock makes: every pair judged at every moment."""
    sums = sums_of_windows(objective, counts, moments)
    firing: set[tuple[Severity, str]] = set()
    found = []
    for index, now_s in enumerate(moments.tolist()):
        windows = {length: window.at(index) for length, window in sums.items()}
        for verdict in judge(objective, windows, firing=firing, now_s=now_s, newest_minute_s=now_s):
            key = (verdict.reading.pair.severity, verdict.reading.pair.name)
            if verdict.decision is AlertDecision.FIRED:
                firing.add(key)
                found.append(BurnTransition(now_s, *key, AlertState.FIRING))
            elif verdict.decision is AlertDecision.RESOLVED:
                firing.remove(key)
                found.append(BurnTransition(now_s, *key, AlertState.RESOLVED))
    return found


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 40), st.sampled_from([0.0, 0.02, 0.3, 1.0])), max_size=12),
    st.sampled_from([1.0, 200.0]),
)
def test_a_replay_decides_as_the_clock_does_moment_by_moment(
    stretches: list[tuple[int, int, float]], min_events: float
) -> None:
    events = np.array([events for minutes, events, _ in stretches for _ in range(minutes)], dtype=float)
    bad = np.concatenate([np.full(minutes, np.floor(n * ratio)) for minutes, n, ratio in stretches] or [np.empty(0)])
    counts = seen_at_once(np.arange(len(events)) * 60, events - bad, events)
    objective = slo(0.99, TimeWindow(1, WindowUnit.DAY), min_events)
    moments = np.arange(0.0, len(events) * 60 + 3600, 60)
    assert replay(objective, counts, moments) == stepwise(objective, counts, moments)


BERLIN = "Europe/Berlin"


def local(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("window", "now", "start", "end"),
    [
        pytest.param(
            TimeWindow(1, WindowUnit.MONTH, "2026-01-01", BERLIN),
            "2026-02-28T23:59",
            "2026-02-01",
            "2026-03-01",
            id="a calendar month",
        ),
        pytest.param(
            TimeWindow(1, WindowUnit.MONTH, "2026-01-31", BERLIN),
            "2026-03-15",
            "2026-02-28",
            "2026-03-31",
            id="months that begin on the 31st begin on the last day of February",
        ),
        pytest.param(
            TimeWindow(1, WindowUnit.QUARTER, "2026-01-01", BERLIN),
            "2025-12-31",
            "2025-10-01",
            "2026-01-01",
            id="a quarter before the calendar's start",
        ),
        pytest.param(
            TimeWindow(1, WindowUnit.YEAR, "2024-02-29", BERLIN),
            "2026-01-01",
            "2025-02-28",
            "2026-02-28",
            id="a year from a leap day",
        ),
        pytest.param(
            TimeWindow(1, WindowUnit.WEEK, "2026-01-05T09:00", BERLIN),
            "2026-03-30T08:00",
            "2026-03-23T09:00",
            "2026-03-30T09:00",
            id="a week that holds the change to summer time",
        ),
        pytest.param(
            TimeWindow(1, WindowUnit.DAY, "2026-01-01", BERLIN),
            "2026-10-25T12:00",
            "2026-10-25",
            "2026-10-26",
            id="a day of 25 hours",
        ),
        pytest.param(
            TimeWindow(12, WindowUnit.HOUR, "2026-01-01", BERLIN),
            "2026-01-02T13:00",
            "2026-01-02T12:00",
            "2026-01-03",
            id="half days",
        ),
    ],
)
def test_calendar_periods_begin_at_local_time(window: TimeWindow, now: str, start: str, end: str) -> None:
    assert period_bounds(window, local(now)) == (local(start), local(end))
    assert period_bounds(window, local(start)) == (local(start), local(end))


def test_days_of_a_clock_change_are_an_hour_longer_and_shorter() -> None:
    day = TimeWindow(1, WindowUnit.DAY, "2026-01-01", BERLIN)
    lengths = [end - start for start, end in (period_bounds(day, local(at)) for at in ("2026-03-29", "2026-10-25"))]
    assert lengths == [23 * HOUR_S, 25 * HOUR_S]


@given(st.integers(0, 4 * 366 * 24 * 60), st.sampled_from(list(WindowUnit)[1:]), st.integers(1, 3))
def test_calendar_periods_follow_each_other_without_gap(minute: int, unit: WindowUnit, amount: int) -> None:
    window = TimeWindow(amount, unit, "2025-03-31T02:30", BERLIN)
    now_s = local("2024-01-01") + 60 * minute
    start, end = period_bounds(window, now_s)
    assert start <= now_s < end
    assert period_bounds(window, end)[0] == end


def test_a_rolling_period_ends_now() -> None:
    assert period_bounds(TimeWindow(28, WindowUnit.DAY), 1e9) == (1e9 - 28 * DAY_S, 1e9)
