"""Online scoring of univariate series beside River's HalfSpaceTrees and AWS's Random Cut Forest.

Ours is the whole fold of samples of one-series entities (placing, novelty, levels, drift, threshold, episodes), in
micro-batches as they come live. The others score a value and learn it, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees
from river.preprocessing import MinMaxScaler

from benchmarks.quality.baselines import random_cut_forest
from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure, median
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule, format_series

SERIES: Final = 200
BATCH: Final = 20_000
"""Samples of a micro-batch, at most, as the worker folds them."""
GOAL: Final = 0.1


def measure(bench: Bench) -> list[Figure]:
    """Microseconds a point, and ratios of one run."""
    points, few = bench.size(2000, 400), bench.size(20_000, 2000)
    many = bench.size(100_000, 20_000)
    times: dict[str, list[float]] = {"fold": [], "River": [], "Random Cut Forest": []}
    missing = random_cut_forest.why_not()
    if missing is None:
        random_cut_forest.fetch()
    else:
        bench.say(f"Random Cut Forest is left out: {missing}")
    for run in range(bench.runs):
        values = _series(many, seed=run)
        times["fold"].append(_fold_us(points, seed=run))
        times["River"].append(_river_us(values[:few]))
        if missing is None:
            times["Random Cut Forest"].append(random_cut_forest.microseconds(values))
    return [
        Figure("univariate series, whole fold", median(times["fold"]), "µs/point"),
        *_beside("River's HalfSpaceTrees", times["River"], times["fold"], {"river": version("river")}),
        *_beside("Random Cut Forest (Java)", times["Random Cut Forest"], times["fold"], RCF_VERSION),
    ]


RCF_VERSION: Final = {"randomcutforest": random_cut_forest.JARS.name.rpartition("-")[2]}


def _beside(name: str, theirs: Sequence[float], ours: Sequence[float], versions: dict[str, str]) -> list[Figure]:
    if not theirs:
        return []
    ratio = median(mine / their for mine, their in zip(ours, theirs, strict=True))
    return [
        Figure(name, median(theirs), "µs/point", versions=versions),
        Figure(f"univariate series, of {name}", ratio, "x", goal=GOAL, at_most=True, versions=versions),
    ]


def _series(n: int, seed: int) -> NDArray[np.float64]:
    """`(n,)`: noise on a slow wave."""
    noise = np.random.default_rng(seed).standard_normal(n)
    return 100.0 + 10.0 * np.sin(np.arange(n) / 500.0) + noise


def _fold_us(points: int, seed: int) -> float:
    pipeline = Pipeline(PipelineConfig(EntityRule(("service",), ("instance",), "none")))
    names = [format_series("latency_ms", {"service": "s", "instance": f"i-{n}"}) for n in range(SERIES)]
    values = np.stack([_series(points, seed * SERIES + n) for n in range(SERIES)], axis=1)
    spent = 0.0
    ticks = BATCH // SERIES
    number = np.arange(SERIES, dtype=np.int32)
    for first in range(0, points, ticks):
        rows = values[first : first + ticks]
        time_ns = np.repeat(np.arange(first, first + len(rows), dtype=np.int64) * 1_000_000_000, SERIES)
        batch = SampleColumns(names, np.tile(number, len(rows)), time_ns, rows.ravel())
        began = time.perf_counter()
        pipeline.fold(batch)
        # the first batch creates the series
        spent += time.perf_counter() - began if first else 0.0
    return spent / ((points - ticks) * SERIES) * 1e6


def _river_us(values: NDArray[np.float64]) -> float:
    scaler, trees = MinMaxScaler(), HalfSpaceTrees(seed=0)
    began = time.perf_counter()
    for value in values.tolist():
        features = {0: value}
        scaler.learn_one(features)
        scaled = scaler.transform_one(features)
        trees.score_one(scaled)
        trees.learn_one(scaled)
    return (time.perf_counter() - began) / len(values) * 1e6
