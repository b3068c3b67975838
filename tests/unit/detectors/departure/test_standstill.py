"""A series that moves all the time and stands still."""

import pytest

from models.detectors.departure import standstill
from tests.unit.detectors.departure.weeks import at, fresh


def _told_after(rows, *, moving=1.0, longest=0, minutes=1.0):
    series = fresh()
    series["scatter_n"], series["scatter_moving"], series["standstill_longest"] = 1000, moving, longest
    standstill.learn(series, False, at(0))
    for row in range(1, rows):
        standstill.learn(series, True, at(0, row * minutes / 60))
    return standstill.excess(series, True, at(0, rows * minutes / 60))


@pytest.mark.parametrize(
    ("rows", "expected", "settings"),
    [
        pytest.param(25, standstill.ALARM, {}, id="twenty-five minutes of one value"),
        pytest.param(15, 0.0, {}, id="a quarter of an hour is none"),
        pytest.param(25, 0.0, {"longest": 10}, id="it has stood still for ten rows before"),
        pytest.param(25, 0.0, {"moving": 0.3}, id="it moves now and then"),
        pytest.param(25, 0.0, {"minutes": 0.1}, id="rows of seconds have to last as long"),
    ],
)
def test_a_standstill_is_longer_than_any_before(rows, expected, settings):
    assert _told_after(rows, **settings) == expected


def test_a_value_that_moves_ends_it_and_a_standstill_is_not_learnt():
    series = fresh()
    series["scatter_n"], series["scatter_moving"] = 1000, 1.0
    for row in range(60):
        standstill.learn(series, row > 0, at(0, row / 60))
    standstill.learn(series, False, at(0, 1))
    assert (series["standstill_rows"], series["standstill_longest"]) == (0, 0)
    assert standstill.excess(series, False, at(0, 1)) == 0.0
