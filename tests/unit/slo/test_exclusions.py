"""What is excluded from budgets, and what is held: spans, sums, reasons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.reasons import AlertDecision
from models.slo.exclusions import ExcludedRange, ExclusionKind, SloExclusion, Units, excluded_spans, held_by, sums_since
from models.slo.forecast.forecast import History, without
from models.timestamps import SECOND_NS

PAUSE, MAINTENANCE, SILENCE = ExclusionKind.PAUSE, ExclusionKind.MAINTENANCE, ExclusionKind.SILENCE


def exception(kind: ExclusionKind, start_s: int, end_s: int | None) -> SloExclusion:
    end_ns = None if end_s is None else end_s * SECOND_NS
    return SloExclusion(1, "latency", kind, start_s * SECOND_NS, end_ns, "", "ann")


@pytest.mark.parametrize(
    ("made", "unit_s", "spans"),
    [
        pytest.param([], 60, [], id="nothing was said"),
        pytest.param([exception(SILENCE, 0, 600)], 60, [], id="a silence spends budget"),
        pytest.param(
            [exception(MAINTENANCE, 90, 130)], 60, [ExcludedRange(60, 180)], id="minutes are excluded as a whole"
        ),
        pytest.param([exception(MAINTENANCE, 90, 130)], 300, [ExcludedRange(0, 300)], id="and so are slices"),
        pytest.param([exception(PAUSE, 120, None)], 60, [ExcludedRange(120, 3600)], id="a pause lasts until now"),
        pytest.param([exception(MAINTENANCE, 7200, 7300)], 60, [], id="what is to come excludes nothing yet"),
        pytest.param(
            [exception(MAINTENANCE, 600, 900), exception(PAUSE, 0, 660), exception(MAINTENANCE, 1200, 1260)],
            60,
            [ExcludedRange(0, 900), ExcludedRange(1200, 1260)],
            id="what overlaps is excluded once",
        ),
    ],
)
def test_excluded_spans(made: list[SloExclusion], unit_s: int, spans: list[ExcludedRange]) -> None:
    assert excluded_spans(made, 3600, unit_s) == spans


@pytest.mark.parametrize(
    ("made", "held"),
    [
        ([exception(SILENCE, 0, 100)], AlertDecision.HELD_SILENCED),
        ([exception(SILENCE, 0, 100), exception(MAINTENANCE, 0, 100)], AlertDecision.HELD_MAINTENANCE),
        ([exception(MAINTENANCE, 0, 100), exception(PAUSE, 0, None)], AlertDecision.HELD_PAUSED),
        ([exception(MAINTENANCE, 0, 50), exception(MAINTENANCE, 51, 99)], None),
        ([], None),
    ],
)
def test_the_weightiest_exception_that_lasts_says_why_alerts_are_held(
    made: list[SloExclusion], held: AlertDecision | None
) -> None:
    assert held_by(made, 50 * SECOND_NS) is held


minutes = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 9), st.integers(0, 9)), max_size=40)


@given(minutes, st.lists(st.integers(0, 13_000), min_size=1, max_size=5))
def test_sums_since_are_those_of_a_loop(rows: list[tuple[int, int, int]], starts: list[int]) -> None:
    rows = sorted(rows)
    units = Units(
        np.array([60 * row[0] for row in rows], np.int64),
        np.array([float(row[1]) for row in rows]),
        np.array([float(row[2]) for row in rows]),
    )
    expected = [
        [sum(column) for column in zip((0.0, 0.0, 0.0), *((g, t, 1) for m, g, t in rows if 60 * m >= s), strict=True)]
        for s in starts
    ]
    assert sums_since(units, starts).tolist() == expected


def test_a_forecast_does_not_see_what_is_excluded() -> None:
    hours = History(np.array([0.0, 3600.0, 7200.0]), np.array([90.0, 50.0, 90.0]), np.array([100.0, 100.0, 100.0]))
    units = Units(np.array([3600, 3660, 10_800], np.int64), np.array([10.0, 0.0, 5.0]), np.array([30.0, 30.0, 5.0]))
    left = without(hours, units, 3600)
    assert left.good.tolist() == [90.0, 40.0, 90.0]
    assert left.total.tolist() == [100.0, 40.0, 100.0]
