"""Page's sums: where a shift is found, and how they come down again."""

import math

import numpy as np
import pytest

from models.detectors import level_shift
from models.state.fields import Layout


def _fresh():
    return Layout.of(level_shift.LevelShiftRow).empty(1)


def _scores(values):
    """Nats of each value, before it is learnt."""
    nats = np.zeros((len(values), 1))
    level_shift.run(_fresh(), np.asarray(values, np.float64)[:, None], np.zeros(len(values), np.int64), nats)
    return nats[:, 0]


def _noise(n, seed=0):
    return np.random.default_rng(seed).normal(10.0, 1.0, n)


@pytest.mark.parametrize(
    ("shift", "found"),
    [
        pytest.param(0.0, None, id="without a shift nothing is found"),
        pytest.param(1.0, 516, id="one deviation, the smallest shift looked for"),
        pytest.param(1.5, 508, id="one and a half deviations"),
        pytest.param(-1.5, 511, id="the same downwards"),
        pytest.param(3.0, 504, id="three deviations"),
    ],
)
def test_a_shift_at_row_500_is_found_at_a_row_that_a_seed_pins(shift, found):
    values = _noise(600)
    values[500:] += shift
    above = np.flatnonzero(_scores(values) >= level_shift.HELD)
    assert (int(above[0]) if len(above) else None) == found


def test_a_spike_is_no_shift():
    values = _noise(600)
    values[500] += 1000.0
    # one row adds five deviations less half of the shift that is looked for
    assert _scores(values).max() < level_shift.HELD


def test_nothing_is_scored_before_the_scale_is_known():
    values = np.concatenate((_noise(29), [1000.0]))
    assert _scores(values).tolist() == [0.0] * 30


def test_a_shift_that_stays_becomes_the_level():
    values = _noise(6000)
    values[500:] += 4.0
    nats = _scores(values)
    assert nats[520:600].max() > 30.0
    assert nats[-500:].max() < level_shift.HELD


def test_a_sum_is_cut_so_that_it_comes_down_within_its_height_in_rows():
    table = _fresh()
    for value in [*_noise(100).tolist(), *[1e6] * 500]:
        level_shift.learn(table[0], value)
    assert table["up"][0] == level_shift.HIGHEST
    assert table["down"][0] == 0.0


def test_a_missing_value_is_neither_scored_nor_learnt():
    table = _fresh()
    for value in _noise(100).tolist():
        level_shift.learn(table[0], value)
    before = table.tobytes()
    assert level_shift.score(table[0], math.nan) == 0.0
    level_shift.learn(table[0], math.nan)
    assert table.tobytes() == before
