"""The budget forecast: right about what goes on, silent about what is over, honest about what is uncertain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.slo.budget import lived
from models.slo.definition import TimeWindow, WindowUnit
from models.slo.forecast.forecast import BLOCKS, Forecast, History, block_s, forecast, lookback_s

HOUR_S, DAY_S = 3600.0, 86_400.0
ROLLING = TimeWindow(30, WindowUnit.DAY)
CALENDAR = TimeWindow(30, WindowUnit.DAY, "1970-01-01T00:00:00")
TARGET = 0.99


def asked(burns: list[float], window: TimeWindow = CALENDAR, events: float = 1e6) -> Forecast | None:
    """The forecast at the end of hours that burned so many times too fast."""
    hours = np.arange(len(burns), dtype=float) * HOUR_S
    total = np.full(len(burns), events)
    good = total * (1 - np.array(burns) * (1 - TARGET))
    now_s = len(burns) * HOUR_S
    return forecast(
        History(hours[-BLOCKS:], good[-BLOCKS:], total[-BLOCKS:]),
        History(hours, good, total),
        target_ratio=TARGET,
        window=window,
        period_end_s=30 * DAY_S if window is CALENDAR else now_s,
        now_s=now_s,
        lived=lived(window, 0.0, now_s),
    )


def test_blocks_are_hours_of_a_month_and_minutes_of_a_day() -> None:
    assert (block_s(ROLLING), lookback_s(ROLLING)) == (HOUR_S, 2 * DAY_S)
    assert block_s(TimeWindow(1, WindowUnit.DAY)) == 120
    assert block_s(TimeWindow(5, WindowUnit.MINUTE)) == 60


def test_a_calendars_budget_is_gone_when_what_was_saved_is_spent() -> None:
    told = asked([0.5] * 240 + [2.0] * 48)  # 216 hours' worth of 720 are spent, and two more go every hour
    assert told is not None
    assert told.burn_rate == pytest.approx(2.0)
    assert told.gone_s == pytest.approx((288 + 252) * HOUR_S, abs=2 * HOUR_S)
    assert told.soonest_s is not None
    assert told.latest_s is not None
    assert told.soonest_s <= told.gone_s <= told.latest_s
    assert told.certain


def test_a_rolling_budget_gets_back_what_leaves_the_period() -> None:
    steady = asked([0.2] * 600 + [1.2] * 120, ROLLING)
    assert steady is not None
    assert steady.gone_s is None
    bad_month_leaves = asked([1.5] * 100 + [0.2] * 500 + [1.2] * 120, ROLLING)
    assert bad_month_leaves is not None
    assert bad_month_leaves.gone_s is None


@pytest.mark.parametrize(
    "burns",
    [
        pytest.param([0.5] * 48, id="slower than allowed"),
        pytest.param([0.3] * 200 + [20.0] * 3 + [0.3] * 10, id="an outage that is over"),
        pytest.param([0.3] * 200 + [20.0] * 2, id="an outage that is young"),
        pytest.param([0.3] * 200 + [3.0] * 30 + [0.1] * 4, id="a burn that has ended"),
    ],
)
def test_nothing_is_certain_about(burns: list[float]) -> None:
    told = asked(burns)
    assert told is not None
    assert not told.certain


@pytest.mark.parametrize(
    "burns",
    [pytest.param([2.0] * 6, id="half a day is not there yet"), pytest.param([3.0] * 300, id="the budget is gone")],
)
def test_nothing_is_said_where(burns: list[float]) -> None:
    assert asked(burns) is None


@given(st.lists(st.floats(0.0, 30.0), min_size=12, max_size=300), st.sampled_from([ROLLING, CALENDAR]))
def test_the_interval_holds_the_middle_and_lies_ahead(burns: list[float], window: TimeWindow) -> None:
    told = asked(burns, window)
    if told is None:
        return
    assert 0.0 <= told.burn_rate_lower <= told.burn_rate <= told.burn_rate_upper <= 1 / (1 - TARGET) + 1e-9
    known = [at for at in (told.soonest_s, told.gone_s, told.latest_s) if at is not None]
    assert known == sorted(known)
    assert all(len(burns) * HOUR_S < at <= told.horizon_s + 1e-6 for at in known)
    assert (told.latest_s is None) or (told.gone_s is not None and told.soonest_s is not None)
