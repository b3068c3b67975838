"""The training table holds the rows that the live fold forms."""

from __future__ import annotations

import numpy as np

from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule
from models.training.tick_table import tick_table

RULE = EntityRule(("service",), ("instance",), "host")
SECOND_NS = 10**9
START_NS = 1_795_000_000 * SECOND_NS


def history(n_ticks: int = 120) -> SampleColumns:
    """Two services; one entity misses samples, one counter resets, one sample comes twice."""
    random = np.random.default_rng(4)
    ids = [
        'latency_ms{instance="a",service="shop"}',
        'requests_total{instance="a",service="shop"}',
        'latency_ms{instance="b",service="shop"}',
        'latency_ms{instance="a",service="other"}',
    ]
    samples: list[tuple[int, int, float]] = []
    for tick in range(n_ticks):
        at = START_NS + tick * SECOND_NS
        samples.append((0, at, float(random.normal(100, 10))))
        samples.append((1, at + 1000, 50.0 * (tick if tick < 60 else tick - 60)))
        if tick % 7:
            samples.append((2, at, float(random.normal(200, 10))))
        samples.append((3, at, 1.0))
    samples.append((0, START_NS + (n_ticks - 1) * SECOND_NS, 7.0))
    series, times, values = zip(*samples, strict=True)
    return SampleColumns(ids, np.array(series, np.int32), np.array(times, np.int64), np.array(values))


def test_rows_are_those_of_the_fold_tick_by_tick() -> None:
    samples = history()
    pipeline = Pipeline(PipelineConfig(RULE))
    folded = [pipeline.fold(samples), pipeline.finish()]
    live = sorted(
        (tick, pipeline.entities[number].entity)
        for part in folded
        for tick, number in zip(part.rows.tick_ns.tolist(), part.rows.entity.tolist(), strict=True)
        if pipeline.entities[number].service == "shop"
    )
    table = tick_table(samples, "shop", RULE, lateness_s=60.0)
    formed = [(int(t), table.entities[e]) for t, e in zip(table.tick_ns, table.entity, strict=True)]
    assert sorted(formed) == live
    assert table.interval_s == 1.0


def test_counters_are_rates_and_a_reset_is_not_a_fall() -> None:
    table = tick_table(history(), "shop", RULE, lateness_s=60.0)
    rates = table.x[:, table.features.index("requests_total")]
    assert np.isnan(rates[0])
    known = rates[np.isfinite(rates)]
    assert set(known.round(6).tolist()) == {0.0, 50.0}
    assert (known == 0.0).sum() == 1  # the reset itself, from 2,950 to 0


def test_missing_values_are_nan_and_a_repeat_changes_nothing() -> None:
    samples = history()
    table = tick_table(samples, "shop", RULE, lateness_s=60.0)
    latency = table.x[:, table.features.index("latency_ms")]
    b = table.entities.index("shop/b")
    assert (table.entity == b).sum() == 120 - 18
    learning = table.tick_ns < START_NS + 20 * SECOND_NS  # the sampling interval is not known yet
    assert np.isfinite(latency[~learning]).all()
    assert 7.0 not in latency
    assert np.isnan(table.x[table.entity == b, table.features.index("requests_total")]).all()


def test_other_services_are_left_out_and_an_unknown_one_has_no_rows() -> None:
    assert len(tick_table(history(), "other", RULE, lateness_s=60.0)) == 120
    empty = tick_table(history(), "nobody", RULE, lateness_s=60.0)
    assert (len(empty), empty.features) == (0, ())


def test_the_order_of_series_within_a_tick_changes_nothing() -> None:
    samples = history()
    order = np.lexsort((-samples.series, samples.event_time_ns))
    turned = SampleColumns(
        samples.series_ids, samples.series[order], samples.event_time_ns[order], samples.values[order]
    )
    straight, other = (tick_table(s, "shop", RULE, lateness_s=60.0) for s in (samples, turned))
    assert np.array_equal(straight.tick_ns, other.tick_ns)
    keep = straight.tick_ns < straight.tick_ns[-1]  # the repeat is last in the one order and first in the other
    assert np.array_equal(straight.x[keep], other.x[keep], equal_nan=True)
