"""A history that is read as a grid gives the table that placing its samples gives, and others are not read as one."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.records import SampleColumns
from models.series import EntityRule
from models.training import tick_table as module
from models.training.table import TrainingTable
from models.training.tick_grid import HEAD_TICKS, grid_ticks
from models.training.tick_table import tick_table

RULE = EntityRule(("service",), ("instance",), "host")
START_NS = 1_795_000_000_000_000_123
SECOND_NS = 10**9
SERIES = [
    'latency_ms{instance="b",service="shop"}',
    'cpu{instance="a",service="shop"}',
    'latency_ms{instance="a",service="shop"}',
    'cpu{instance="b",service="shop"}',
    'cpu{instance="a",service="other"}',
    'disk{instance="b",service="shop"}',
]
COUNTER = 'requests_total{instance="a",service="shop"}'


def history(series: list[str], steps_ns: list[int], order: list[int]) -> SampleColumns:
    """Every series in every tick, in the same order; ticks are apart by the steps."""
    n_ticks, width = len(steps_ns) + 1, len(series)
    tick_ns = START_NS + np.cumsum([0, *steps_ns])
    values = np.random.default_rng(n_ticks).normal(100.0, 10.0, n_ticks * width).round(2)
    return SampleColumns(
        series, np.tile(np.array(order, np.int32), n_ticks), np.repeat(tick_ns, width).astype(np.int64), values
    )


def placed(samples: SampleColumns, service: str, lateness_s: float) -> TrainingTable:
    with patch.object(module, "grid_ticks", return_value=None):
        return tick_table(samples, service, RULE, lateness_s)


def assert_the_same(one: TrainingTable, other: TrainingTable) -> None:
    assert (one.features, one.entities, one.interval_s) == (other.features, other.entities, other.interval_s)
    for name in ("x", "entity", "tick_ns"):
        ours, theirs = getattr(one, name), getattr(other, name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs, equal_nan=name == "x"), name


def read_as_a_grid(samples: SampleColumns, lateness_s: float = 60.0) -> bool:
    with patch.object(module, "from_grid", side_effect=module.from_grid) as grid:
        tick_table(samples, "shop", RULE, lateness_s)
    return bool(grid.called)


@st.composite
def histories(draw: st.DrawFn) -> SampleColumns:
    series = draw(st.lists(st.sampled_from([*SERIES, COUNTER]), min_size=1, max_size=6, unique=True))
    unit_ns = draw(st.sampled_from([SECOND_NS, 60 * SECOND_NS, 7_300_000_000, 999]))
    usual = st.sampled_from([2, 2, 2, 2, 2, 2, 4])
    odd = st.sampled_from([1, 3, 20, 400, 100_000])  # halves of an interval: between ticks, silences, long ones
    steps = draw(st.lists(usual, min_size=HEAD_TICKS - 3, max_size=HEAD_TICKS + 30))
    for place in draw(st.lists(st.integers(0, len(steps) - 1), max_size=3)):
        steps[place] = draw(odd)
    order = draw(st.permutations(range(len(series))))
    whole = history(series, [step * unit_ns // 2 for step in steps], list(order))
    dropped = draw(st.lists(st.integers(0, len(whole) - 1), max_size=2)) if draw(st.booleans()) else []
    keep = np.delete(np.arange(len(whole)), dropped)
    return SampleColumns(series, whole.series[keep], whole.event_time_ns[keep], whole.values[keep])


@settings(max_examples=300, deadline=None)
@given(samples=histories(), service=st.sampled_from(["shop", "other"]), lateness_s=st.sampled_from([0.0, 0.5, 60.0]))
def test_the_table_is_that_of_placing_whatever_the_history(
    samples: SampleColumns, service: str, lateness_s: float
) -> None:
    assert_the_same(tick_table(samples, service, RULE, lateness_s), placed(samples, service, lateness_s))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([SECOND_NS] * 50, id="regular"),
        pytest.param([SECOND_NS] * 30 + [500 * SECOND_NS] + [SECOND_NS] * 30, id="with a silence"),
    ],
)
def test_a_grid_is_read_as_one(steps: list[int]) -> None:
    assert read_as_a_grid(history(SERIES, steps, [3, 0, 5, 1, 4, 2]))


def _without(samples: SampleColumns, number: int) -> SampleColumns:
    keep = np.arange(len(samples)) != number
    return SampleColumns(samples.series_ids, samples.series[keep], samples.event_time_ns[keep], samples.values[keep])


REGULAR = history(SERIES, [SECOND_NS] * 50, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(history(SERIES[:2], [SECOND_NS] * (HEAD_TICKS - 2), [0, 1]), id="too few ticks"),
        pytest.param(_without(REGULAR, 100), id="a value is missing"),
        pytest.param(history([*SERIES, COUNTER], [SECOND_NS] * 50, [0, 1, 2, 3, 4, 5, 6]), id="a counter"),
        pytest.param(history(SERIES, [SECOND_NS] * 30 + [SECOND_NS // 2] * 2, [0, 1, 2, 3, 4, 5]), id="between ticks"),
        pytest.param(history(SERIES[:2], [SECOND_NS] * 30, [0, 0]), id="one series twice, the other never"),
    ],
)
def test_what_is_no_grid_is_placed(samples: SampleColumns) -> None:
    assert not read_as_a_grid(samples)


def test_where_no_sample_may_be_late_ticks_close_before_they_are_whole() -> None:
    assert not read_as_a_grid(REGULAR, lateness_s=0.0)


def test_an_order_that_changes_is_no_grid() -> None:
    series = REGULAR.series.copy()
    series[[60, 61]] = series[[61, 60]]
    assert grid_ticks(REGULAR) is not None
    assert grid_ticks(SampleColumns(SERIES, series, REGULAR.event_time_ns, REGULAR.values)) is None
