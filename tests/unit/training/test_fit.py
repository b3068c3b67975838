"""Fitting on simulated tables: what a model must tell apart, what must not disturb it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.labels import IncidentWindow
from models.service_model.model import ServiceModel
from models.training.fit import TooLittleData, fit, seed_of
from models.training.fitness import roc_area, with_faults
from models.training.table import TrainingTable, cut, recent

SECOND_NS = 10**9


def table(n_ticks: int = 1000, *, seed: int = 1, shift: float = 0.0, interval_s: float = 10.0) -> TrainingTable:
    """Two entities with a latency of long tail, a load, what follows from the load, and a constant."""
    random = np.random.default_rng(seed)
    n = 2 * n_ticks
    load = 100.0 + 20.0 * random.standard_normal(n) + shift
    latency = np.exp(3.0 + 0.4 * random.standard_normal(n)) * (1.0 + load / 1000.0)
    twice = 2.0 * load + random.standard_normal(n)
    x = np.column_stack([latency, load, twice, np.full(n, 7.0)])
    return TrainingTable(
        features=("latency_ms", "load", "load_twice", "version"),
        entities=("shop/a", "shop/b"),
        x=x,
        entity=np.tile(np.array([0, 1], np.int32), n_ticks),
        tick_ns=np.repeat(np.arange(n_ticks, dtype=np.int64), 2) * int(interval_s * SECOND_NS),
        interval_s=interval_s,
    )


def nats(model: ServiceModel, rows: TrainingTable) -> NDArray[np.float64]:
    return model.surprise(rows.columns(model.features), rows.tick_ns)[0]


def test_a_fault_in_any_moving_feature_scores_above_quiet_rows() -> None:
    model = fit(table(), "shop", seed=1)
    quiet = table(seed=2)
    faulty = with_faults(quiet, seed=3)
    assert roc_area(nats(model, faulty), nats(model, quiet)) > 0.9


def test_a_broken_relation_between_features_is_seen_though_each_is_in_its_range() -> None:
    model = fit(table(), "shop", seed=1)
    quiet = table(seed=2)
    broken = quiet.x.copy()
    broken[:, 2] = quiet.x[::-1, 2]
    assert roc_area(nats(model, replace(quiet, x=broken)), nats(model, quiet)) > 0.85


def test_the_same_table_and_seed_give_the_same_file_and_another_seed_does_not() -> None:
    body = fit(table(), "shop", seed=1).to_bytes()
    assert body == fit(table(), "shop", seed=1).to_bytes()
    assert body != fit(table(), "shop", seed=2).to_bytes()


def test_a_model_file_round_trips_and_reproduces_its_probe() -> None:
    model = fit(table(), "shop", seed=1)
    again = ServiceModel.from_bytes(model.to_bytes())
    again.check_probe()
    assert np.array_equal(nats(again, table(seed=5)), nats(model, table(seed=5)))
    assert (again.rows, again.interval_s, again.trained_to_ns) == (2000, 10.0, 999 * 10 * SECOND_NS)


def test_missing_values_are_typical() -> None:
    model = fit(table(), "shop", seed=1)
    sparse = table(seed=2)
    sparse.x[:, 1] = np.nan
    assert np.median(nats(model, sparse)) < 4.0


def test_a_spike_of_a_million_in_the_history_does_not_hide_later_faults() -> None:
    spiked = table()
    spiked.x[100, 1] = 1e6
    model = fit(spiked, "shop", seed=1)
    quiet = table(seed=2)
    faulty = with_faults(quiet, seed=3)
    assert roc_area(nats(model, faulty), nats(model, quiet)) > 0.85


def test_a_feature_that_most_rows_lack_is_left_out() -> None:
    sparse = table()
    sparse.x[np.arange(len(sparse)) % 10 != 0, 2] = np.nan
    assert fit(sparse, "shop", seed=1).features == ("latency_ms", "load", "version")


@pytest.mark.parametrize(
    "poor",
    [table(3), table().take(np.zeros(2000, bool)), replace(table(), features=(), x=np.zeros((2000, 0)))],
    ids=["a few rows", "no row", "no feature"],
)
def test_too_little_data_is_said(poor: TrainingTable) -> None:
    with pytest.raises(TooLittleData, match="shop: "):
        fit(poor, "shop", seed=1)


def test_only_constant_features_still_make_a_finite_model() -> None:
    constant = table().take(np.arange(2000))
    constant.x[:] = 3.0
    model = fit(constant, "shop", seed=1)
    assert np.isfinite(nats(model, table(seed=2))).all()


def test_incident_windows_take_out_the_rows_of_their_entity_only() -> None:
    rows = table(10)
    windows = [IncidentWindow("shop/a", 20 * SECOND_NS, 40 * SECOND_NS), IncidentWindow("elsewhere", 0, 2**62)]
    mask = rows.inside(windows)
    assert [(int(rows.tick_ns[i] / SECOND_NS), rows.entities[rows.entity[i]]) for i in np.flatnonzero(mask)] == [
        (20, "shop/a"),
        (30, "shop/a"),
    ]
    assert rows.inside([IncidentWindow("", 20 * SECOND_NS, 40 * SECOND_NS)]).sum() == 4


def test_the_parts_are_disjoint_complete_and_each_reaches_into_the_newest_tenth() -> None:
    rows = table(1000)
    parts = cut(rows)
    assert sum(len(part) for part in parts) == len(rows)
    newest = rows.tick_ns[-1] * 0.9
    assert all((part.tick_ns >= newest).sum() > 10 for part in parts)


def test_after_a_change_half_of_what_is_learnt_is_new() -> None:
    rows = table(1000)
    since = 900 * 10 * SECOND_NS
    kept = recent(rows, since, min_rows=100)
    assert len(kept) == 400
    assert (kept.tick_ns >= since).mean() == 0.5
    assert len(recent(rows, 2**62, min_rows=100)) == 100


def test_a_seed_follows_from_the_request() -> None:
    assert seed_of("retrain-1") == seed_of("retrain-1") != seed_of("retrain-2")
