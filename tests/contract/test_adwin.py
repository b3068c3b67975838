"""Adaptive windows are River's: the same changes at the same values, the same sums to the last bit."""

import numpy as np
import pytest
from river.drift.adwin import ADWIN

from models.drift import adwin

DELTA = 0.002
N = 20_000


def _windows(n):
    return adwin.Windows(np.zeros(n, adwin.WINDOW), np.zeros(40 * n, adwin.LEVEL), np.zeros(2, np.int64))


def _steps(random):
    values = random.normal(0, 1, N)
    for start in random.integers(0, N, 8):
        values[start:] += random.normal(0, 2)
    return values


STREAMS = {
    "noise": lambda random: random.normal(0, 1, N),
    "steps": _steps,
    "a random walk": lambda random: np.cumsum(random.normal(0, 0.05, N)) + random.normal(0, 1, N),
    "few different values": lambda random: np.round(_steps(random)),
    "one value, then another": lambda random: np.repeat([0.0, 1e6], N // 2),
    "heavy tails": lambda random: random.standard_t(1.5, N),
    "tiny values far from zero": lambda random: 1e6 + 1e-3 * _steps(random),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", STREAMS)
def test_changes_are_found_where_river_finds_them(name, seed):
    values = STREAMS[name](np.random.default_rng(seed)).tolist()
    river, ours = ADWIN(delta=DELTA), _windows(1)
    theirs_at, ours_at = [], []
    for index, value in enumerate(values):
        if adwin.update(ours, 0, value, DELTA):
            ours_at.append(index)
        river.update(value)
        if river.drift_detected:
            theirs_at.append(index)
        elif index % 97 == 0:
            window = ours.windows[0]
            assert (window["width"], window["total"]) == (river.width, river.total)
    assert ours_at == theirs_at
    assert theirs_at or name in ("noise", "heavy tails", "tiny values far from zero")


def test_streams_that_share_the_tables_do_not_touch_each_other():
    streams = [STREAMS[name](np.random.default_rng(5)).tolist() for name in STREAMS]
    together, alone = _windows(len(streams)), [_windows(1) for _ in streams]
    for index in range(N):
        for number, stream in enumerate(streams):
            found = adwin.update(together, number, stream[index], DELTA)
            assert found == adwin.update(alone[number], 0, stream[index], DELTA)
