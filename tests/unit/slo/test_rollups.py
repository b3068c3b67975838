"""Windows taken apart into minutes, hours and days are the same windows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.slo.rollups import Level, plan
from models.slo.windows import DAY_S, HOUR_S

UNIT_S = {Level.MINUTE: 60, Level.HOUR: HOUR_S, Level.DAY: DAY_S}
minutes = st.integers(0, 40 * 1440).map(lambda minute: minute * 60)


@given(st.lists(minutes, min_size=1, max_size=9), minutes)
def test_every_window_is_made_of_each_of_its_minutes_once(starts_s: list[int], end_s: int) -> None:
    windows = [start_s for start_s in starts_s if start_s < end_s]
    found = plan(windows, end_s)
    for start_s, members in zip(windows, found.members, strict=True):
        covered = np.zeros(41 * 1440, int)
        for stretch in np.array(found.stretches, dtype=object)[members]:
            level, from_s, to_s = stretch
            assert from_s % UNIT_S[level] == to_s % UNIT_S[level] == 0
            covered[from_s // 60 : to_s // 60] += 1
        expected = np.zeros(41 * 1440, int)
        expected[start_s // 60 : end_s // 60] = 1
        assert (covered == expected).all()


@given(st.lists(minutes, min_size=1, max_size=9), minutes)
def test_no_row_is_read_twice(starts_s: list[int], end_s: int) -> None:
    found = plan([start_s for start_s in starts_s if start_s < end_s], end_s)
    for level in Level:
        mine = [stretch for stretch in found.stretches if stretch.level is level]
        assert all(a.to_s <= b.from_s for a, b in pairwise(mine))


def test_thirty_days_are_read_as_days_with_two_ragged_ends() -> None:
    end_s = 40 * DAY_S + 12 * HOUR_S + 34 * 60
    found = plan([end_s - 30 * DAY_S], end_s)
    rows = dict.fromkeys(Level, 0)
    for stretch in found.stretches:
        rows[stretch.level] += (stretch.to_s - stretch.from_s) // UNIT_S[stretch.level]
    assert rows == {Level.MINUTE: 26 + 34, Level.HOUR: 11 + 12, Level.DAY: 29}
