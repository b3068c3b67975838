"""The budget of a whole period, from its first hour on."""

from __future__ import annotations

import math

import pytest

from models.slo.budget import Lived, budget_remaining, lived
from models.slo.burn import Counts
from models.slo.definition import TimeWindow, WindowUnit
from models.slo.exclusions import ExcludedRange

DAY_S = 86_400.0
ROLLING = TimeWindow(30, WindowUnit.DAY)
MONTH = TimeWindow(1, WindowUnit.MONTH, "2026-01-01T00:00:00")
OCTOBER_1_S = 1_790_812_800.0


def test_seven_minutes_of_a_fifth_of_errors_in_the_first_two_hours_are_three_per_cent_of_a_months_budget() -> None:
    counts = Counts(120_000.0 - 0.2 * 7_000.0, 120_000.0)
    left = budget_remaining(counts, 0.999, lived(ROLLING, 999_999_960.0, 1_000_007_160.0))
    assert left == pytest.approx(1 - 1.4 / 43.2)


def test_a_calendars_time_slices_are_known_from_its_begin() -> None:
    now_s = OCTOBER_1_S + 3.5 * DAY_S
    slices = Counts(3.5 * 288 - 6, 3.5 * 288)  # 6 bad ones of the 44.64 that 31 days allow
    assert budget_remaining(slices, 0.995, lived(MONTH, 0.0, now_s)) == pytest.approx(1 - 6 / 44.64)


def test_a_calendars_budget_only_goes_down() -> None:
    left = [
        budget_remaining(Counts(288 * day - 6, 288 * day), 0.995, lived(MONTH, 0.0, OCTOBER_1_S + day * DAY_S))
        for day in (1, 10, 20, 30.9)
    ]
    assert left == pytest.approx([1 - 6 / 44.64] * 4)


@pytest.mark.parametrize(
    ("first_s", "spans", "expected"),
    [
        pytest.param(0.0, [], Lived(100 * DAY_S, 30 * DAY_S, 30 * DAY_S), id="a full rolling period"),
        pytest.param(90 * DAY_S, [], Lived(10 * DAY_S, 10 * DAY_S, 30 * DAY_S), id="a third of it is lived"),
        pytest.param(
            90 * DAY_S,
            [ExcludedRange(int(95 * DAY_S), int(100 * DAY_S))],
            Lived(10 * DAY_S, 5 * DAY_S, 25 * DAY_S),
            id="what is excluded is neither lived nor to come",
        ),
        pytest.param(math.inf, [], Lived(0.0, 0.0, 30 * DAY_S), id="never counted"),
    ],
)
def test_how_much_of_a_rolling_period_is_lived(first_s: float, spans: list[ExcludedRange], expected: Lived) -> None:
    assert lived(ROLLING, first_s, 100 * DAY_S, spans) == expected
