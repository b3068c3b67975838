"""The rows that a model is alarmed by are found by a bound, and are the very same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.service_model.anomalous_rows import ROUNDING, alarm_rows, bounding
from models.training.fit import fit
from models.training.table import TrainingTable

N = 4000


def rows(seed: int, spread: float = 1.0) -> TrainingTable:
    """Rows of one entity, some of whose values are missing."""
    random = np.random.default_rng(seed)
    x = spread * random.standard_t(3, (N, 6)) @ np.random.default_rng(9).normal(size=(6, 6))
    x[random.random(x.shape) < 0.01] = np.nan
    tick_ns = np.arange(N, dtype=np.int64) * 60_000_000_000
    return TrainingTable(tuple("abcdef"), ("shop/a",), x, np.zeros(N, np.int32), tick_ns, 60.0)


MODEL = fit(rows(1), "shop", seed=1)


@pytest.mark.parametrize("nats", [0.0, 1.0, 3.0, 6.0, 9.0, 100.0])
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_they_are_those_of_the_whole_model(nats: float, spread: float) -> None:
    asked = rows(2, spread)
    expected = MODEL.nats(asked.x, asked.tick_ns) >= nats
    assert alarm_rows(MODEL, asked.x, asked.tick_ns, nats).tolist() == expected.tolist()


def test_no_row_is_more_surprising_than_its_bound_and_most_are_acquitted_by_it() -> None:
    asked = rows(2)
    bound, surprise = bounding(MODEL).nats(asked.x, asked.tick_ns), MODEL.nats(asked.x, asked.tick_ns)
    assert (surprise <= bound + ROUNDING).all()
    assert (bound < 9.2).mean() > 0.5


def test_a_forest_of_few_trees_is_its_own_bound() -> None:
    end = int(MODEL.forest.roots[10])
    few = MODEL.forest._replace(
        roots=MODEL.forest.roots[:10],
        normaliser=MODEL.forest.normaliser / 10,
        **{name: getattr(MODEL.forest, name)[:end] for name in ("feature", "threshold", "left", "right", "path")},
    )
    asked, model = rows(3), replace(MODEL, forest=few)
    assert bounding(model).forest is few
    expected = model.nats(asked.x, asked.tick_ns) >= 3.0
    assert alarm_rows(model, asked.x, asked.tick_ns, 3.0).tolist() == expected.tolist()


def test_no_rows_are_no_alarms() -> None:
    assert alarm_rows(MODEL, np.empty((0, 6)), np.empty(0, np.int64), 3.0).tolist() == []
