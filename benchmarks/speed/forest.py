"""The product's Isolation Forest beside scikit-learn's, on the same fitted trees: 100 of them, 8 features."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

import numpy as np
from sklearn.ensemble import IsolationForest

from benchmarks.speed.bench import Bench
from benchmarks.speed.figures import Figure, median
from models.service_model.forest import Forest

FEATURES: Final = 8
LEARNT_ROWS: Final = 20_000
GOALS: Final = ((1, 1 / 100), (100, 1 / 8), (5000, 1.0))
"""Rows at once, and the share of scikit-learn's time that is allowed."""
EQUAL: Final = 1e-6
LONG_S: Final = 0.2
"""How long calls are repeated for one run's figure."""


def measure(bench: Bench) -> list[Figure]:
    """Times per row, shares of scikit-learn's, and the largest difference of a score."""
    random = np.random.default_rng(1)
    fitted = IsolationForest(n_estimators=100, max_samples=256, random_state=1)
    fitted.fit(random.standard_normal((LEARNT_ROWS, FEATURES)).astype(np.float32))
    forest = Forest.from_sklearn(fitted)
    versions = {"scikit-learn": version("scikit-learn")}
    figures: list[Figure] = []
    furthest = 0.0
    for n_rows, goal in GOALS:
        rows = random.standard_normal((n_rows, FEATURES)).astype(np.float32)
        wide = rows.astype(np.float64)
        furthest = max(furthest, float(np.abs(forest.score(wide) + fitted.score_samples(rows)).max()))
        pairs = [
            (_seconds(lambda: forest.score(wide)), _seconds(lambda: fitted.score_samples(rows)))  # noqa: B023 - called at once
            for _ in range(bench.runs)
        ]
        ours = median(mine for mine, _ in pairs) / n_rows * 1e6
        theirs = median(their for _, their in pairs) / n_rows * 1e6
        figures += [
            Figure(f"Isolation Forest, {n_rows:,} rows", ours, "µs/row"),
            Figure(f"scikit-learn's, {n_rows:,} rows", theirs, "µs/row", versions=versions),
            Figure(
                f"Isolation Forest of scikit-learn's time, {n_rows:,} rows",
                median(m / t for m, t in pairs),
                "x",
                goal=goal,
                at_most=True,
                versions=versions,
            ),
        ]
    return [*figures, Figure("Isolation Forest, largest difference", furthest, "score", goal=EQUAL, at_most=True)]


def _seconds(call: Callable[[], object]) -> float:
    """Seconds of one call, over as many as take `LONG_S`."""
    call()
    calls, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < LONG_S:
        call()
        calls += 1
    return taken / calls
