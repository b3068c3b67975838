"""After the warm-up nothing is left to compile in a training."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
from numba.core.registry import CPUDispatcher

import models
from models.pipeline.warm_up import warm_up
from models.service_model.model import ServiceModel
from models.training.fit import fit
from models.training.table import TrainingTable
from models.training.warm_up import warm_up_training


def compiled_signatures() -> dict[str, int]:
    """How many signatures each loop of the core has been compiled for."""
    found = {}
    for module in pkgutil.walk_packages(models.__path__, "models."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, CPUDispatcher):
                found[f"{value.__module__}.{value.__name__}"] = len(value.signatures)
    return found


def test_a_training_compiles_nothing_that_the_warm_up_has_not() -> None:
    warm_up()
    warm_up_training()
    before = compiled_signatures()
    random = np.random.default_rng(1)
    table = TrainingTable(
        features=("load", "latency_ms"),
        entities=("shop/a",),
        x=random.standard_normal((1000, 2)),
        entity=np.zeros(1000, np.int32),
        tick_ns=np.arange(1000, dtype=np.int64) * 600_000_000_000,  # a week: long enough for the time of day to matter
        interval_s=600.0,
    )
    model = ServiceModel.from_bytes(fit(table, "shop", seed=1).to_bytes())
    model.surprise(table.columns(model.features), table.tick_ns)
    assert compiled_signatures() == before
