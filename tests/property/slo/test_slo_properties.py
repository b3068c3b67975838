"""What holds for whatever is counted: sums free of order, split and repeats; budgets and calendars within bounds."""

from __future__ import annotations

import calendar
import functools
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.records import SampleColumns
from models.series import EntityRule
from models.sli.binding import ThresholdOp
from models.slo.budget import Lived, budget_remaining, expected_units, filled, in_slices
from models.slo.burn import Counts, Recorded, allowed_error_ratio
from models.slo.definition import (
    GapPolicy,
    MetricQuery,
    RatioIndicator,
    Slices,
    Slo,
    ThresholdIndicator,
    TimeWindow,
    WindowUnit,
)
from models.slo.periods import period_bounds
from models.slo.simulate.recorder import SloRecorder

RULE = EntityRule(("service",), ("instance",), "host")
START_S = 1_780_000_020 // 3600 * 3600
LATENESS_S = 600
THRESHOLD = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 50.0)
RATIO = RatioIndicator(MetricQuery("bad_total", ()), True, MetricQuery("all_total", ()), True)
MONTH = TimeWindow(30, WindowUnit.DAY)
SERIES = [
    'latency_ms{instance="a",service="web"}',
    'latency_ms{instance="b",service="web"}',
    'all_total{service="web"}',
    'bad_total{service="web"}',
]
Samples = list[tuple[int, int, float]]  # series, seconds, value


def slo(**changes: object) -> Slo:
    return Slo("any", "web", 0.99, MONTH, **{"indicator": THRESHOLD, **changes})  # type: ignore[arg-type]


def counted(parts: list[Samples]) -> list[dict[int, tuple[float, float]]]:
    """Good and total by minute of the threshold and the ratio SLO, from samples that come in these parts."""
    recorder = SloRecorder([slo(), slo(indicator=RATIO)], RULE, lateness_s=LATENESS_S, every_s=60)
    for part in parts:
        columns = SampleColumns(
            SERIES,
            np.array([series for series, _, _ in part], np.int32),
            np.array([(START_S + at_s) * 1_000_000_000 for _, at_s, _ in part], np.int64),
            np.array([value for _, _, value in part], np.float64),
        )
        recorder.record(columns)
    found = []
    for number in range(2):
        minutes: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        recorded = recorder.recorded(number)
        for minute, good, total in zip(recorded.minute_s, recorded.good, recorded.total, strict=True):
            minutes[int(minute)][0] += float(good)
            minutes[int(minute)][1] += float(total)
        found.append({minute: (good, total) for minute, (good, total) in minutes.items()})
    return found


times = st.lists(st.integers(0, LATENESS_S), min_size=1, max_size=12, unique=True)
gauges: st.SearchStrategy[Samples] = st.tuples(times, times, st.randoms(use_true_random=False)).map(
    lambda drawn: [(series, at_s, float(drawn[2].randint(0, 100))) for series in (0, 1) for at_s in drawn[series]]
)
counters: st.SearchStrategy[Samples] = st.tuples(
    st.lists(st.integers(1, 400), min_size=2, max_size=25), st.randoms(use_true_random=False)
).map(
    lambda drawn: [
        (series, sum(drawn[0][: index + 1]), float(drawn[1].randint(0, 1000)))  # falls are restarts
        for index in range(len(drawn[0]))
        for series in (2, 3)
    ]
)


@settings(deadline=None, max_examples=40)
@given(gauges, st.randoms(use_true_random=False))
def test_counts_of_samples_within_the_lateness_do_not_depend_on_their_order(samples: Samples, random: object) -> None:
    turned = list(samples)
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert counted([turned])[0] == counted([samples])[0]


steps = st.lists(st.integers(1, LATENESS_S // 12), min_size=2, max_size=12)


@settings(deadline=None, max_examples=40)
@given(steps, steps, st.randoms(use_true_random=False))
def test_counts_of_counters_depend_on_the_order_within_a_series_alone(
    all_steps: list[int], bad_steps: list[int], random: object
) -> None:
    """A series has one key, and Kafka keeps the order of a key; between series nobody does."""
    waiting: list[Samples] = [
        [(series, sum(of[: n + 1]), float(random.randint(0, 1000))) for n in range(len(of))]  # type: ignore[attr-defined]
        for series, of in ((2, all_steps), (3, bad_steps))
    ]
    by_time = sorted((sample for samples in waiting for sample in samples), key=lambda sample: sample[1])
    turned = []
    while any(waiting):
        turned.append(random.choice([samples for samples in waiting if samples]).pop(0))  # type: ignore[attr-defined]
    assert counted([turned])[1] == counted([by_time])[1]


@settings(deadline=None, max_examples=40)
@given(gauges, counters, st.lists(st.integers(0, 100), max_size=6))
def test_counts_do_not_depend_on_how_samples_are_cut_into_batches(
    told: Samples, grown: Samples, cuts: list[int]
) -> None:
    samples = sorted(told + grown, key=lambda sample: sample[1])
    edges = [0, *sorted(cut % (len(samples) + 1) for cut in cuts), len(samples)]
    parts = [samples[first:after] for first, after in pairwise(edges)]
    assert counted([part for part in parts if part]) == counted([samples])


@settings(deadline=None, max_examples=40)
@given(gauges, counters, st.integers(0, 8))
def test_counts_do_not_change_when_newest_samples_are_replayed(told: Samples, grown: Samples, again: int) -> None:
    samples = sorted(told + grown, key=lambda sample: sample[1])
    assert counted([samples, samples[len(samples) - again :]] if again else [samples]) == counted([samples])


minutes = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=60)


def recorded(rows: list[tuple[int, int, int]]) -> Recorded:
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
    good, bad = table[:, 1].astype(float), table[:, 2].astype(float)
    return Recorded(table[:, 0] * 60, good, good + bad, table[:, 0] * 60.0)


@given(minutes, st.sampled_from([60, 300, 3600]), st.one_of(st.none(), st.floats(0.01, 1.0)))
def test_slices_are_as_many_as_there_are_with_telemetry_and_each_is_worth_at_most_one(
    rows: list[tuple[int, int, int]], length_s: int, target: float | None
) -> None:
    found = in_slices(recorded(rows), Slices(length_s, target))
    assert found.minute_s.tolist() == sorted({minute * 60 // length_s * length_s for minute, _, _ in rows})
    assert ((found.good >= 0) & (found.good <= 1)).all()
    assert (found.total == 1).all()
    assert (found.seen_s >= found.minute_s + length_s).all()
    turned = in_slices(recorded(rows[::-1]), Slices(length_s, target))
    assert turned.good.tolist() == found.good.tolist()


@given(
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.sampled_from(list(GapPolicy)),
    st.tuples(st.integers(0, 60), st.integers(0, 60)),
    st.floats(0.01, 0.99999),
)
def test_a_budget_keeps_its_bounds_whatever_gaps_count_as(
    good: float, bad: float, policy: GapPolicy, units: tuple[int, int], target: float
) -> None:
    covered, expected = units
    counts = filled(Counts(good, good + bad), policy, covered, expected)
    if counts.total == 0:
        return
    assert 0 <= counts.error_ratio <= 1
    assert 1 - 1 / allowed_error_ratio(target) <= budget_remaining(counts, target, Lived(60.0, 60.0, 60.0)) <= 1
    plain = Counts(good, good + bad)
    if plain.total > 0 and policy is GapPolicy.GOOD:
        assert counts.error_ratio <= plain.error_ratio + 1e-9
    if plain.total > 0 and policy is GapPolicy.BAD:
        assert counts.error_ratio >= plain.error_ratio - 1e-9


def test_nothing_is_missing_before_an_slo_was_first_counted_nor_of_the_newest_minutes() -> None:
    assert expected_units(slo(), 0, 3000, 3600) == (3600 - 120 - 3000) // 60
    assert expected_units(slo(), 0, 3590, 3600) == 0
    assert expected_units(slo(telemetry_interval_s=300), 0, 0, 3720) == 12


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago", "UTC")
YEARS = range(2025, 2029)


@functools.cache
def changes_of(zone: str) -> list[datetime]:
    """Moments (UTC, to the hour) at which the zone's offset from UTC has changed."""
    where = ZoneInfo(zone)
    hours = [datetime(YEARS[0], 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(len(YEARS) * 366 * 24)]
    offsets = [hour.astimezone(where).utcoffset() for hour in hours]
    return [hour for hour, before, after in zip(hours[1:], offsets[:-1], offsets[1:], strict=True) if before != after]


UNITS = (WindowUnit.DAY, WindowUnit.WEEK, WindowUnit.MONTH, WindowUnit.QUARTER, WindowUnit.YEAR)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("unit", UNITS)
def test_calendar_periods_hold_at_every_change_of_the_clocks(zone: str, unit: WindowUnit) -> None:
    window = TimeWindow(1, unit, "2025-01-06T00:00:00", zone)
    where = ZoneInfo(zone)
    for change in changes_of(zone) or [datetime(2025, 3, 30, tzinfo=UTC)]:
        for moment_s in (change.timestamp() - 1, change.timestamp(), change.timestamp() + 1):
            start_s, end_s = period_bounds(window, moment_s)
            assert start_s <= moment_s < end_s
            assert period_bounds(window, end_s)[0] == end_s
            assert period_bounds(window, start_s - 1)[1] == start_s
            for edge_s in (start_s, end_s):
                local = datetime.fromtimestamp(edge_s, where)
                midnight = local.replace(hour=0, minute=0)
                first = midnight.astimezone(UTC).astimezone(where)  # later than midnight where the clocks skip it
                assert (local.hour, local.minute) == (first.hour, first.minute), f"{local} begins a period"


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", [28, 29, 30, 31])
def test_months_begin_on_their_day_or_on_their_last(zone: str, day: int) -> None:
    window = TimeWindow(1, WindowUnit.MONTH, f"2025-01-{day}T12:00:00", zone)
    where = ZoneInfo(zone)
    for year in YEARS:
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            begins = datetime(year, month, min(day, last), 12, tzinfo=where)
            start_s, end_s = period_bounds(window, begins.timestamp())
            assert start_s == begins.timestamp()
            assert period_bounds(window, begins.timestamp() - 1)[1] == start_s
            assert 28 <= round((end_s - start_s) / 86_400) <= 31
