"""What samples add to the minutes of SLOs."""

import numpy as np
import pytest

from models.fold_state import new_state
from models.series import EntityRule
from models.sli.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp
from models.sli.counts import NO_COUNTS, SloContributions, bind, count, grown_at, room, sum_counts, written

S = 1_000_000_000
MINUTE = 60 * S


def state(*names):
    found = new_state(EntityRule(("service",), ("instance",), "host"))
    for name in names:
        found.register(name)
    return found


def heard(table, number, *seconds):
    """The series' newest event times."""
    table["tick_n_times"][number] = len(seconds)
    table["tick_times_ns"][number][: len(seconds)] = [second * S for second in seconds]
    return table[number]


def counted(binding, value, increase=np.nan, at_s=90):
    """(slo, minute, good, total) of what one sample adds."""
    one_series = state("m{}")
    bindings = bind(one_series, [binding])
    found = room(4)
    count(heard(one_series.series, 0, 30, at_s), bindings, at_s * S, (value, increase), found)
    c = written(found)
    return list(zip(c.slo.tolist(), c.minute_s.tolist(), c.good.tolist(), c.total.tolist(), strict=True))


def threshold(op):
    return SloBinding(7, "m", (), Role.THRESHOLD, op, 5.0)


LT, LTE, GT, GTE = ThresholdOp.LT, ThresholdOp.LTE, ThresholdOp.GT, ThresholdOp.GTE


@pytest.mark.parametrize(
    ("binding", "value", "increase", "expected"),
    [
        pytest.param(threshold(LT), 4.0, np.nan, [(7, 60, 1.0, 1.0)], id="below a threshold"),
        pytest.param(threshold(LT), 5.0, np.nan, [(7, 60, 0.0, 1.0)], id="at a threshold that is to be below"),
        pytest.param(threshold(LTE), 5.0, np.nan, [(7, 60, 1.0, 1.0)], id="at a threshold that may be reached"),
        pytest.param(threshold(GT), 5.0, np.nan, [(7, 60, 0.0, 1.0)], id="at a threshold to be above"),
        pytest.param(threshold(GTE), 5.0, np.nan, [(7, 60, 1.0, 1.0)], id="at a threshold to be reached"),
        pytest.param(SloBinding(7, "m", (), Role.GOOD), 3.0, np.nan, [(7, 60, 3.0, 0.0)], id="good events"),
        pytest.param(SloBinding(7, "m", (), Role.BAD), 3.0, np.nan, [(7, 60, -3.0, 0.0)], id="bad events"),
        pytest.param(SloBinding(7, "m", (), Role.TOTAL), 3.0, np.nan, [(7, 60, 0.0, 3.0)], id="all events"),
        pytest.param(
            SloBinding(7, "m", (), Role.TOTAL, counter=True),
            100.0,
            4.0,
            [(7, 0, 0.0, 4.0)],
            id="a counter counts its increase, in the minute in which that began",
        ),
        pytest.param(
            SloBinding(7, "m", (), Role.TOTAL, counter=True), 100.0, np.nan, [], id="a counter's first sample: nothing"
        ),
    ],
)
def test_what_a_sample_adds(binding, value, increase, expected):
    assert counted(binding, value, increase) == expected


@pytest.mark.parametrize(
    ("times_s", "expected_s"),
    [
        pytest.param((90,), 90, id="the first sample of all"),
        pytest.param((60, 90), 60, id="a regular sample: growth began at the one before"),
        pytest.param((0, 150), 0, id="as rare as the shortest window allows"),
        pytest.param((0, 300, 600), 600, id="rarer: at the sample itself"),
        pytest.param((0, 60, 600), 60, id="after a gap: before the gap"),
        pytest.param((0, 300, 601), 601, id="twice the spacing is no gap"),
    ],
)
def test_growth_counts_where_it_began(times_s, expected_s):
    one = heard(state("m{}").series, 0, *times_s)
    assert grown_at(one, times_s[-1] * S) == expected_s * S


def test_growth_told_by_a_sample_out_of_order_counts_at_that_sample():
    assert grown_at(heard(state("m{}").series, 0, 60, 90), 75 * S) == 75 * S


def test_each_series_is_told_where_its_bindings_are():
    known = state('m{service="a"}', 'm{service="b"}', "other{}")
    only_a = (LabelMatcher("service", MatchOp.EQUAL, "a"),)
    bindings = bind(known, [SloBinding(1, "m", only_a, Role.GOOD), SloBinding(2, "m", (), Role.TOTAL)])
    assert known.series["sli_n_bindings"][:3].tolist() == [2, 1, 0]
    of = [
        bindings.slo[first : first + n].tolist()
        for first, n in zip(known.series["sli_first_binding"][:3], known.series["sli_n_bindings"][:3], strict=True)
    ]
    assert of == [[1, 2], [2], []]


def test_a_minute_of_an_slo_comes_once_in_a_sum():
    counts = SloContributions(
        np.array([2, 1, 2, 2], np.int32),
        np.array([60, 0, 60, 0]),
        np.array([1.0, 1.0, 2.0, 4.0]),
        np.array([1.0, 1.0, 3.0, 5.0]),
        np.zeros(4, np.int64),
    )
    summed = sum_counts(counts)
    assert summed.slo_id.tolist() == [1, 2, 2]
    assert summed.minute_s.tolist() == [0, 0, 60]
    assert summed.good.tolist() == [1.0, 4.0, 3.0]
    assert summed.total.tolist() == [1.0, 5.0, 4.0]


def test_of_nothing_the_sum_is_nothing():
    assert len(sum_counts(NO_COUNTS)) == 0
