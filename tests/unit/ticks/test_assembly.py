"""Which samples count, for which minute and which row."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pipeline.pipeline import Folded, Pipeline
from models.reasons import SampleFate
from models.sli.binding import Role, SloBinding, ThresholdOp
from tests.unit.streams import SECOND_NS, START_NS, listed, make, noise, pieces, series, shop, table

A, B = series("a"), series("b")
COUNTER = series("requests_total")
ACCEPTED, DUPLICATE, LATE = SampleFate.ACCEPTED, SampleFate.DUPLICATE, SampleFate.LATE


def test_a_repeat_of_series_and_time_counts_once_whatever_its_value():
    pipeline = make()
    folded = pipeline.fold(listed((A, 0, 1.0), (A, 1, 2.0), (A, 1, 2.0), (A, 0, 9.0), (B, 1, 2.0)))
    assert folded.fates == {ACCEPTED: 3, DUPLICATE: 2, LATE: 0}


def test_a_repeat_in_a_later_batch_is_recognised():
    pipeline = make()
    batch = listed((A, 0, 1.0), (A, 1, 2.0))
    pipeline.fold(batch)
    assert pipeline.fold(batch).fates == {ACCEPTED: 0, DUPLICATE: 2, LATE: 0}


@pytest.mark.parametrize(
    ("lag_s", "fate"),
    [
        pytest.param(59.0, ACCEPTED, id="within the allowed lateness"),
        pytest.param(61.0, LATE, id="beyond the allowed lateness"),
    ],
)
def test_lateness_is_measured_against_the_entity_s_newest_sample(lag_s, fate):
    pipeline = make(lateness_s=60.0)
    pipeline.fold(listed((A, 100, 1.0)))
    assert pipeline.fold(listed((B, 100 - lag_s, 1.0))).fates[fate] == 1


def test_a_backfilled_entity_is_not_late_because_another_is_live():
    pipeline = make(lateness_s=60.0)
    pipeline.fold(listed((A, 10_000, 1.0)))
    old = table({series("a", "old"): noise(100, 0), series("b", "old"): noise(100, 1)})
    folded = pipeline.fold(old)
    assert folded.fates[LATE] == 0
    assert len(folded.rows) >= 98


def test_a_sample_older_than_the_times_remembered_is_late_because_it_may_be_a_repeat():
    pipeline = make(lateness_s=3600.0)
    pipeline.fold(table({A: noise(40, 0)}))
    folded = pipeline.fold(listed((A, 2, 1.0), (A, 30, 1.0), (A, 30.5, 1.0)))
    assert folded.fates == {ACCEPTED: 1, DUPLICATE: 1, LATE: 1}


def _rows(folds: list[Folded]) -> list[tuple[int, int]]:
    return [
        (int(entity), int(tick) - START_NS)
        for fold in folds
        for entity, tick in zip(fold.rows.entity, fold.rows.tick_ns, strict=True)
    ]


def _played(pipeline: Pipeline, samples, size: int = 10_000) -> list[Folded]:
    return [*(pipeline.fold(piece) for piece in pieces(samples, size)), pipeline.finish()]


def test_every_tick_of_an_entity_becomes_one_row_in_order():
    rows = _rows(_played(make(), table({A: noise(50, 0), B: noise(50, 1)})))
    assert rows == [(0, tick * SECOND_NS) for tick in range(50)]


def test_a_row_closes_with_its_last_expected_sample():
    pipeline = make()
    pipeline.fold(table({A: noise(20, 0), B: noise(20, 1)}))
    assert len(pipeline.fold(listed((A, 20, 1.0))).rows) == 0
    assert len(pipeline.fold(listed((B, 20, 1.0))).rows) == 1


def test_metrics_that_arrive_apart_share_their_row():
    pipeline = make()
    pipeline.fold(table({A: noise(20, 0), B: noise(20, 1)}))
    behind = [(A, 20.0 + k, 1.0) for k in range(10)] + [(B, 20.0 + k, 2.0) for k in range(10)]
    folded = pipeline.fold(listed(*behind))
    assert _rows([folded]) == [(0, (20 + k) * SECOND_NS) for k in range(10)]
    assert np.isfinite(folded.rows.value).all()


def test_jitter_of_the_clock_does_not_split_ticks():
    rng = np.random.default_rng(0)
    at = np.arange(200) + rng.uniform(-0.2, 0.2, 200)
    samples = listed(*[(text, t + shift, 1.0 + shift) for t in at for text, shift in ((A, 0.0), (B, 0.05))])
    rows = _rows(_played(make(), samples))
    assert 195 <= len(rows) <= 205


def test_a_series_that_stops_holds_rows_back_for_a_moment_only():
    pipeline = make()
    pipeline.fold(table({A: noise(30, 0), B: noise(30, 1)}))
    folded = pipeline.fold(table({A: noise(60, 2)}, first_tick=30))
    assert len(folded.rows) == 60


def test_an_open_row_closes_when_the_others_have_moved_on_by_the_lateness():
    pipeline = make(lateness_s=60.0)
    pipeline.fold(table({A: noise(20, 0), B: noise(20, 1)}))
    pipeline.fold(listed((A, 20, 1.0)))
    other = series("a", "other")
    assert len([1 for e, _ in _rows([pipeline.fold(listed((other, 79, 1.0)))]) if e == 0]) == 0
    assert len([1 for e, _ in _rows([pipeline.fold(listed((other, 80, 1.0)))]) if e == 0]) == 1


def test_a_sample_for_a_closed_row_still_counts_for_the_slo():
    pipeline = make()
    pipeline.use_slos([SloBinding(7, "b", (), Role.THRESHOLD, ThresholdOp.LT, 5.0)])
    pipeline.fold(table({A: noise(20, 0)}))
    folded = pipeline.fold(listed((B, 5.0, 1.0)))
    assert (folded.fates[ACCEPTED], len(folded.rows), folded.slo_counts.total.tolist()) == (1, 0, [1.0])


def test_a_counter_becomes_a_rate_and_a_reset_starts_at_zero():
    pipeline = make()
    counts = np.concatenate((np.arange(0, 400, 10.0), np.arange(4.0, 300, 10.0)))
    folds = _played(pipeline, table({COUNTER: counts}))
    values = np.concatenate([fold.rows.value for fold in folds])
    assert values[:39].tolist() == [10.0] * 39
    assert values[39] == 4.0
    assert values[40:].tolist() == [10.0] * (len(counts) - 41)


def test_the_interval_of_a_minute_is_learnt_despite_gaps():
    values = noise(60, 0)
    values[[7, 20, 21]] = np.nan
    pipeline = make()
    _played(pipeline, table({A: values}, interval_ns=60 * SECOND_NS))
    assert pipeline.state.entities["tick_interval_ns"][0] == 60 * SECOND_NS


# SLO counts against a plain dictionary

BINDINGS = [
    SloBinding(1, "latency_ms", (), Role.THRESHOLD, ThresholdOp.LTE, 85.0),
    SloBinding(2, "requests_total", (), Role.TOTAL, counter=True),
    SloBinding(2, "queue", (), Role.BAD),
    SloBinding(3, "requests_total", (), Role.GOOD, counter=True),
    SloBinding(3, "cpu_ratio", (), Role.TOTAL),
    SloBinding(4, "cpu_ratio", (), Role.THRESHOLD, ThresholdOp.GT, 0.3),
]


def _oracle(samples) -> dict[tuple[int, int], list[float]]:
    """The counts, sample by sample; for samples in order of time without repeats."""
    found: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    last: dict[int, float] = {}
    last_ns: dict[int, int] = {}
    for number, at_ns, value in zip(
        samples.series.tolist(), samples.event_time_ns.tolist(), samples.values.tolist(), strict=True
    ):
        metric = samples.series_ids[number].partition("{")[0]
        before = last.get(number)
        last[number] = value
        began_ns, last_ns[number] = last_ns.get(number, at_ns), at_ns
        for binding in BINDINGS:
            if binding.metric != metric or (binding.counter and before is None):
                continue
            amount = value if not binding.counter else (value - before if value >= before else value)
            count = found[binding.slo_id, (began_ns if binding.counter else at_ns) // (60 * SECOND_NS) * 60]
            if binding.role is Role.THRESHOLD:
                count[0] += binding.is_good(amount)
                count[1] += 1
            else:
                count[0] += {Role.GOOD: amount, Role.BAD: -amount}.get(binding.role, 0.0)
                count[1] += amount if binding.role is Role.TOTAL else 0.0
    return found


def _counts(folds: list[Folded]) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for fold in folds:
        counts = fold.slo_counts
        keys = list(zip(counts.slo_id.tolist(), counts.minute_s.tolist(), strict=True))
        assert len(keys) == len(set(keys)), "a minute of an SLO comes once a fold"
        for key, good, total in zip(keys, counts.good.tolist(), counts.total.tolist(), strict=True):
            found[key][0] += good
            found[key][1] += total
    return found


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_slo_counts_equal_those_of_a_plain_loop(size):
    values = shop(150, seed=3)
    values[series("requests_total", "b")][100:] -= values[series("requests_total", "b")][99]
    samples = table(values)
    pipeline = make()
    pipeline.use_slos(BINDINGS)
    counted, expected = _counts([pipeline.fold(piece) for piece in pieces(samples, size)]), _oracle(samples)
    assert counted.keys() == expected.keys()
    for key, pair in expected.items():
        assert counted[key] == pytest.approx(pair, abs=1e-9), key


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [
        pytest.param([0, 30, 60, 90], [0, 0, 60], id="growth within a minute counts where it began"),
        pytest.param([0, 60, 120], [0, 60], id="one sample a minute: growth counts in the minute it was in"),
        pytest.param([0, 30, 60, 600, 630], [0, 0, 60, 600], id="what grew during a gap belongs to the gap"),
        pytest.param([0, 300, 600, 900], [300, 600, 900], id="a regular five minutes count when they are told"),
    ],
)
def test_an_increase_counts_in_the_minute_in_which_the_growth_began(seconds, minutes):
    pipeline = make()
    pipeline.use_slos([SloBinding(1, "requests_total", (), Role.TOTAL, counter=True)])
    folded = pipeline.fold(listed(*[(series("requests_total"), at, float(at)) for at in seconds]))
    expected: dict[int, float] = defaultdict(float)
    for minute, before, after in zip(minutes, seconds[:-1], seconds[1:], strict=True):
        expected[minute] += after - before
    counts = folded.slo_counts
    assert dict(zip((counts.minute_s - START_NS // SECOND_NS).tolist(), counts.total.tolist(), strict=True)) == expected


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(40)), st.integers(1, 9))
def test_threshold_counts_depend_neither_on_order_nor_on_split_nor_on_repeats(order, size):
    # the ring of remembered times bounds how far back a repeat is recognised: 10 samples a series stay inside of it
    base = [(series("latency_ms", f"i{k % 4}"), float(k), 60.0 + k) for k in range(40)]
    pipeline = make()
    pipeline.use_slos(BINDINGS)
    samples = listed(*[base[k] for k in order], *[base[k] for k in order[:10]])
    folds = [pipeline.fold(piece) for piece in pieces(samples, size)]
    assert sum(fold.fates[DUPLICATE] for fold in folds) == 10
    assert _counts(folds) == _oracle(listed(*base))


def test_bindings_can_change_between_folds():
    pipeline = make()
    pipeline.use_slos(BINDINGS[:1])
    pipeline.fold(listed((series("latency_ms"), 0, 1.0)))
    pipeline.use_slos(BINDINGS[5:])
    folded = pipeline.fold(listed((series("latency_ms"), 1, 1.0), (series("cpu_ratio"), 1, 0.5)))
    assert folded.slo_counts.slo_id.tolist() == [4]
