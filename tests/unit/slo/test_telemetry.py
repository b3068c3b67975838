"""Up to when telemetry could have come: gone, late, caught up with, or standing still as a whole."""

from __future__ import annotations

import pytest

from models.slo.budget import LATE_S
from models.slo.telemetry import Telemetry

NOW_S = 1_780_000_020 // 86_400 * 86_400 + 40_000 * 1.0 // 60 * 60
NEVER = float("-inf")


def until(telemetry: Telemetry, own_s: float, of_all_s: float, now_s: float) -> float:
    telemetry.look({1: own_s}, of_all_s, now_s)
    return telemetry.could_have_come_until(1)


def test_a_stream_that_flows_says_until_now_and_one_that_stands_still_no_more_than_it_said() -> None:
    telemetry = Telemetry()
    assert until(telemetry, NOW_S, NOW_S, NOW_S + 30) == NOW_S + 30
    for later_s in (600, 1200, 6000):
        assert until(telemetry, NOW_S, NOW_S, NOW_S + later_s) == NOW_S + 60


def test_an_slo_that_is_gone_while_others_go_on_is_missed_until_now() -> None:
    telemetry = Telemetry()
    found = [until(telemetry, NOW_S - 600, NOW_S + step, NOW_S + step) for step in range(0, 600, 10)]
    assert found == [NOW_S + step for step in range(0, 600, 10)]


def test_an_slo_that_is_caught_up_with_has_no_gap_after_its_newest_minute() -> None:
    telemetry = Telemetry()
    until(telemetry, NOW_S - 3600, NOW_S - 3600, NOW_S)  # everything has stood still for an hour
    for step in range(1, 31):
        own_s = NOW_S - 3600 + 119 * step
        assert until(telemetry, own_s, NOW_S, NOW_S + 10 * step) == min(own_s + 60 + LATE_S, NOW_S + 60)


@pytest.mark.parametrize("looks", [[NOW_S - 30], [NOW_S - 600], []], ids=["just before", "long ago", "never"])
def test_who_does_not_come_back_with_the_others_is_missed_two_minutes_after_them(looks: list[float]) -> None:
    telemetry = Telemetry()
    for at_s in looks:
        until(telemetry, NOW_S - 3600, NOW_S - 3600, at_s)
    behind_s = NOW_S - 1200 if not looks or looks[0] < NOW_S - LATE_S else NOW_S
    assert until(telemetry, NOW_S - 3600, behind_s, NOW_S) == NOW_S - 3600 + 60 + LATE_S
    assert until(telemetry, NOW_S - 3600, NOW_S, NOW_S + 60) == NOW_S - 3600 + 60 + LATE_S
    assert until(telemetry, NOW_S - 3600, NOW_S + 200, NOW_S + 200) == NOW_S + 200


@pytest.mark.parametrize("length_s", [3600, 86_400])
def test_a_minute_that_was_seen_as_its_hour_or_day_has_not_moved(length_s: int) -> None:
    """A window's ragged begin passes over it: an alert about what is gone must not end for that."""
    telemetry = Telemetry()
    begin_s = (NOW_S - 2 * 86_400) // length_s * length_s
    assert until(telemetry, begin_s, NOW_S, NOW_S) == NOW_S
    assert until(telemetry, begin_s + 1500, NOW_S + 60, NOW_S + 60) == NOW_S + 60
    assert until(telemetry, begin_s, NOW_S + 120, NOW_S + 120) == NOW_S + 120
    assert until(telemetry, begin_s + 1500, NOW_S + 180, NOW_S + 180) == NOW_S + 180


def test_an_slo_that_never_counted_is_gone_from_the_begin() -> None:
    assert until(Telemetry(), NEVER, NOW_S, NOW_S) == NOW_S
