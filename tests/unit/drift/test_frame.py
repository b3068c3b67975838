"""Values in their drift detector's frame: none at first, then units of the series as it was."""

import math

import numpy as np
import pytest

from models import fold_state
from models.drift.frame import DRIFT_LIMIT, REFERENCE_ROWS, framed


def _series(n: float = REFERENCE_ROWS):
    table = fold_state.SERIES.empty(1)
    table["residual_n"] = n
    table["residual_level"] = 50.0
    table["residual_low"], table["residual_high"] = 44.0, 56.0
    return table


def test_a_young_series_has_no_frame():
    table = _series(REFERENCE_ROWS - 1)
    assert math.isnan(framed(table[0], 50.0))
    assert math.isnan(table["drift_ref_level"][0])


def test_the_frame_is_the_slow_level_and_a_sixth_of_the_range():
    table = _series()
    assert framed(table[0], 53.0) == pytest.approx(1.5)
    assert (table["drift_ref_level"][0], table["drift_ref_scale"][0]) == (50.0, 2.0)


def test_the_frame_stays_what_it_was():
    table = _series()
    framed(table[0], 50.0)
    table["residual_level"], table["residual_high"] = 500.0, 900.0
    assert framed(table[0], 54.0) == pytest.approx(2.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_far_values_count_by_their_logarithm(sign):
    value = 50.0 + sign * 2.0 * DRIFT_LIMIT * math.e
    assert framed(_series()[0], value) == pytest.approx(sign * 2.0 * DRIFT_LIMIT)


def test_a_missing_value_stays_missing():
    assert np.isnan(framed(_series()[0], math.nan))
