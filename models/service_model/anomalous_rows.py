"""Which of many rows a model is alarmed by, without asking it about every one to the last tree.

A training asks the champion about weeks of rows, hardly any of which it calls anomalous. A part of the model bounds
what the whole would say: a path through the forest is at least as long as through the trees walked so far and the
shortest ways through the others, and the nearest of all reference rows is at most as far as the nearest of some. Only
rows that the bound does not acquit are asked about in full.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.service_model.forest import Forest
from models.service_model.model import ServiceModel

TREES: Final = 35
REFERENCES: Final = 32
"""Of 100 and 256: they take half of the time, and leave 0.1 to 3 % of the rows of server metrics to the whole
model."""

ROUNDING: Final = 1e-6
"""Nats by which sums in another order may differ, and far more: whatever is as close is asked about."""


def alarm_rows(
    model: ServiceModel, x: NDArray[np.float64], tick_ns: NDArray[np.int64], nats: float
) -> NDArray[np.bool_]:
    """Mask `(n_rows,)` of the rows `(n_rows, F)` whose surprise is at least `nats`: that of `model.nats(...) >=
    nats`."""
    alarming = bounding(model).nats(x, tick_ns) >= nats - ROUNDING
    left = np.flatnonzero(alarming)
    alarming[left] = model.nats(x[left], tick_ns[left]) >= nats
    return alarming


def bounding(model: ServiceModel) -> ServiceModel:
    """A model of fewer trees and reference rows, by which no row is less surprising, but for rounding."""
    return replace(model, forest=_bounding_forest(model.forest), reference=model.reference[:REFERENCES])


def _bounding_forest(forest: Forest) -> Forest:
    """The first trees, and one leaf whose path is the shortest of every other tree in all."""
    if len(forest.roots) <= TREES:
        return forest
    end = forest.roots[TREES]
    shortest = np.minimum.reduceat(np.where(forest.feature < 0, forest.path, np.inf), forest.roots)
    return Forest(
        feature=np.append(forest.feature[:end], np.int32(-1)),
        threshold=np.append(forest.threshold[:end], np.float32(0.0)),
        left=np.append(forest.left[:end], np.int32(0)),
        right=np.append(forest.right[:end], np.int32(0)),
        path=np.append(forest.path[:end], shortest[TREES:].sum()),
        roots=np.append(forest.roots[:TREES], end),
        normaliser=forest.normaliser,
    )
