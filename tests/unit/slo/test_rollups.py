"""Windows taken apart into minutes, hours and days are the same windows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.slo.rollups import Rollup, read_plan
from models.timestamps import DAY_S, HOUR_S

UNIT_S = {Rollup.MINUTE: 60, Rollup.HOUR: HOUR_S, Rollup.DAY: DAY_S}
minutes = st.integers(0, 40 * 1440).map(lambda minute: minute * 60)


@given(st.lists(minutes, min_size=1, max_size=9), minutes)
def test_every_window_is_made_of_each_of_its_minutes_once(starts_s: list[int], end_s: int) -> None:
    windows = [start_s for start_s in starts_s if start_s < end_s]
    found = read_plan(windows, end_s)
    for start_s, members in zip(windows, found.members, strict=True):
        covered = np.zeros(41 * 1440, int)
        for read_range in np.array(found.ranges, dtype=object)[members]:
            level, from_s, to_s = read_range
            assert from_s % UNIT_S[level] == to_s % UNIT_S[level] == 0
            covered[from_s // 60 : to_s // 60] += 1
        expected = np.zeros(41 * 1440, int)
        expected[start_s // 60 : end_s // 60] = 1
        assert (covered == expected).all()


@given(st.lists(minutes, min_size=1, max_size=9), minutes)
def test_no_row_is_read_twice(starts_s: list[int], end_s: int) -> None:
    found = read_plan([start_s for start_s in starts_s if start_s < end_s], end_s)
    for level in Rollup:
        mine = [read_range for read_range in found.ranges if read_range.rollup is level]
        assert all(a.to_s <= b.from_s for a, b in pairwise(mine))


def test_thirty_days_are_read_as_days_with_two_ragged_ends() -> None:
    end_s = 40 * DAY_S + 12 * HOUR_S + 34 * 60
    found = read_plan([end_s - 30 * DAY_S], end_s)
    rows = dict.fromkeys(Rollup, 0)
    for read_range in found.ranges:
        rows[read_range.rollup] += (read_range.to_s - read_range.from_s) // UNIT_S[read_range.rollup]
    assert rows == {Rollup.MINUTE: 26 + 34, Rollup.HOUR: 11 + 12, Rollup.DAY: 29}
