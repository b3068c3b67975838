"""River's half-space trees, one row at a time, values brought to 0..1 by the range seen so far.

Source: Tan, Ting and Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees
from river.preprocessing import MinMaxScaler

from benchmarks.quality.baselines.refit import rows_of
from benchmarks.quality.corpus import Stream

SEED = 0


def score(stream: Stream) -> NDArray[np.float64]:
    """Scores `(n,)`: scored, then learnt."""
    scaler, trees = MinMaxScaler(), HalfSpaceTrees(seed=SEED)
    rows = rows_of(stream.values)
    names = list(range(rows.shape[1]))
    scores = np.empty(len(rows))
    for number, row in enumerate(rows.tolist()):
        features = dict(zip(names, row, strict=True))
        scaler.learn_one(features)
        scaled = scaler.transform_one(features)
        scores[number] = trees.score_one(scaled)
        trees.learn_one(scaled)
    return scores
