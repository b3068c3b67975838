"""Small streams of samples for the tests of the core, and models for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Folded, Pipeline
from models.records import SampleColumns
from models.series import EntityRule, format_series
from models.service_model.calibration import Calibration
from models.service_model.forest import Forest
from models.service_model.model import CHANNELS, ServiceModel
from models.service_model.whitening import Whitening
from models.training.fit import calibrated

RULE = EntityRule(("service",), ("instance",), "host")
START_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000


def make(**changes: Any) -> Pipeline:
    """A pipeline with the default configuration, or with some of it changed."""
    return Pipeline(PipelineConfig(RULE, **changes))


def series(metric: str, instance: str = "a", service: str = "shop") -> str:
    return format_series(metric, {"service": service, "instance": instance})


def table(
    values: Mapping[str, Sequence[float] | NDArray[np.float64]], *, first_tick: int = 0, interval_ns: int = SECOND_NS
) -> SampleColumns:
    """One sample a tick of every series (by series text), tick by tick; NaN leaves one out."""
    ids = list(values)
    grid = np.array([np.asarray(values[text], np.float64) for text in ids]).T
    ticks = START_NS + (first_tick + np.arange(len(grid), dtype=np.int64)) * interval_ns
    which = np.tile(np.arange(len(ids), dtype=np.int32), len(grid))
    there = np.isfinite(grid.ravel())
    return SampleColumns(ids, which[there], np.repeat(ticks, len(ids))[there], grid.ravel()[there])


def listed(*samples: tuple[str, float, float]) -> SampleColumns:
    """Samples as (series text, seconds after the start, value), in this order."""
    ids = sorted({text for text, _, _ in samples})
    return SampleColumns(
        ids,
        np.array([ids.index(text) for text, _, _ in samples], np.int32),
        np.array([START_NS + round(at_s * SECOND_NS) for _, at_s, _ in samples], np.int64),
        np.array([value for _, _, value in samples], np.float64),
    )


def cut(samples: SampleColumns, start: int, end: int | None = None) -> SampleColumns:
    """Some consecutive samples."""
    return SampleColumns(
        samples.series_ids, samples.series[start:end], samples.event_time_ns[start:end], samples.values[start:end]
    )


def pieces(samples: SampleColumns, size: int, first: int = 0) -> list[SampleColumns]:
    """The same samples: the `first` ones at once, then batches of at most `size`."""
    head = [cut(samples, 0, first)] if first else []
    return head + [cut(samples, start, start + size) for start in range(first, len(samples), size)]


def noise(n: int, seed: int, level: float = 10.0, scale: float = 1.0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(level, scale, n)


def shop(n: int, seed: int = 0, instances: Sequence[str] = ("a", "b")) -> dict[str, NDArray[np.float64]]:
    """Some metrics of different kinds for some instances of one service."""
    values: dict[str, NDArray[np.float64]] = {}
    rng = np.random.default_rng(seed)
    for instance in instances:
        load = 1 + 0.1 * np.sin(np.arange(n) / 300)
        values[series("latency_ms", instance)] = 80 * load * rng.lognormal(0, 0.1, n)
        values[series("cpu_ratio", instance)] = 0.3 * load + rng.normal(0, 0.02, n)
        values[series("requests_total", instance)] = np.cumsum(rng.poisson(50 * load))
        values[series("workers", instance)] = np.full(n, 4.0)
        values[series("queue", instance)] = rng.poisson(0.1, n).astype(float)
    return values


def scores(folds: Sequence[Folded], pipeline: Pipeline, instance: str = "a") -> NDArray[np.float64]:
    """Scores of one instance's ticks, in order."""
    number = [name.entity for name in pipeline.entities].index(f"shop/{instance}")
    return np.concatenate([fold.rows.score[fold.rows.entity == number] for fold in folds])


def anomalous(folds: Sequence[Folded], pipeline: Pipeline, instance: str = "a") -> NDArray[np.bool_]:
    """Which of one instance's ticks are part of an anomaly, in order."""
    number = [name.entity for name in pipeline.entities].index(f"shop/{instance}")
    return np.concatenate([fold.rows.is_anomaly[fold.rows.entity == number] for fold in folds])


def model_for(
    rows: NDArray[np.float64], features: Sequence[str], *, version: str = "1", trained_to_ns: int = START_NS
) -> ServiceModel:
    """A model of rows `(n, n_features)`, fitted on the first half and calibrated on the second."""
    width = len(features)
    center, scale = np.median(rows, axis=0), np.maximum(rows.std(axis=0), 1e-6)
    whitening = Whitening(np.zeros(width), center, scale, np.zeros((0, width)), np.eye(width))
    return model_on(whitening, rows, features, version=version, trained_to_ns=trained_to_ns)


def model_on(
    whitening: Whitening,
    rows: NDArray[np.float64],
    features: Sequence[str],
    *,
    version: str = "1",
    trained_to_ns: int = START_NS,
) -> ServiceModel:
    """A model of rows `(n, n_features)` in a given frame, fitted on the first half and calibrated on the second."""
    half, at = len(rows) // 2, np.full(len(rows), START_NS)
    columns = whitening.whiten(rows[:half], at[:half]).astype(np.float32)
    fitted = IsolationForest(n_estimators=30, random_state=0).fit(columns)
    uncalibrated = Calibration(np.zeros(1), np.zeros(1), 1.0)
    model = ServiceModel(
        "shop",
        version,
        tuple(features),
        whitening,
        Forest.from_sklearn(fitted),
        columns[:50],
        (uncalibrated,) * len(CHANNELS),
        uncalibrated,
        1.0,
        START_NS,
        trained_to_ns,
        half,
        np.zeros((0, len(features))),
        np.zeros(0, np.int64),
        np.zeros(0),
    )
    return calibrated(model, rows[half:], at[half:]).with_probe(rows[:4], at[:4])
