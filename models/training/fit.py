"""Fits a service's model: comparable features, an Isolation Forest and distances, calibrated on rows not learnt from.

Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008. That the forest wants long tails compressed and columns
whitened was measured on server metrics: 1.6 to 2.3 times the area under its precision-recall curve. Taking the shape of
the day off first was worth another fifth to a half of it, to the forest and to the distances alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.errors import TidewatchError
from models.service_model.calibration import MIN_TAIL, Calibration
from models.service_model.forest_growth import grow
from models.service_model.model import CHANNELS, ServiceModel
from models.service_model.scaling import scales_of
from models.service_model.whitening import Whitening, waves_at, without_season
from models.timestamps import DAY_NS
from models.training.table import Parts, TrainingTable, cut

TREES: Final = 100
SAMPLES_PER_TREE: Final = 256
"""Both as in the paper: more of either no longer changes path lengths."""

MAX_FEATURES: Final = 256
"""Most columns of a model: scoring a row costs features x components, 65,000 multiplications at this many."""

MIN_COVERAGE: Final = 0.3
"""A feature that fewer rows than this have is imputed more often than it is seen."""

LEARN_ROWS: Final = 50_000
"""Most rows that are learnt from, and that calibrate: evenly taken from all. A covariance of `MAX_FEATURES` columns is
known to a half per cent from them, and they bound the memory of a training (100 MB at that many columns). At 6,000 of
slow incidents .78 are told before they page, not .92."""

REFERENCE_ROWS: Final = 256
"""Normal rows that others are compared with, at 0.03 us each: half of the 30 us that a row of 38 metrics may cost."""

SEASON_DAYS: Final = 2.0
"""Days of history before the time of day is believed to matter: from one, a trend would look like a season."""

SEASON_RIDGE: Final = 0.01
"""Shrinks the waves by 2 %, so that hours of the day without rows are not guessed from the others."""

COMPONENT_FLOOR: Final = 0.1
"""Share of the mean variance that is added to every component's: without it, whitening raises the rounding noise of
features that are sums of others to the size of a signal. At 0.01 application servers had .03 less VUS-PR."""

DEAD_COMPONENT: Final = 1e-9
"""Components with a smaller share of the variance are exact repeats of others and dropped."""

PROBE_ROWS: Final = 8


class TooLittleData(TidewatchError):
    """There are not enough quiet rows to train on; the message says how many there are and how many it takes."""


def fit(table: TrainingTable, service: str, *, seed: int, parts: Parts | None = None) -> ServiceModel:
    """A model of what is normal in `table`; the same table and seed give the same model.

    Args:
        table: quiet rows only: incidents and anomalous rows are taken out before.
        service: whose model it is. Its version stays empty until the registry gives one.
        seed: of the forest.
        parts: what to learn from and to calibrate on, so that whoever judges knows which rows were held back; by
            default `cut(table)`.

    Raises:
        TooLittleData: no feature is there often enough, or too few rows are left for the calibration.
    """
    learn, calibrate, _ = parts or cut(table)
    features = _usable(table)
    if not features or len(learn) < 2 or len(calibrate) < 2 * MIN_TAIL:
        raise TooLittleData(
            f"{service}: {len(table)} quiet rows with {len(features)} usable features; "
            f"the calibration alone takes {2 * MIN_TAIL} of a fifth of the rows"
        )
    learn, calibrate = learn.evenly(LEARN_ROWS), calibrate.evenly(LEARN_ROWS)
    x = learn.columns(features)
    whitening, whitened = _fit_whitening(x, learn.tick_ns)
    columns = whitened.astype(np.float32)
    uncalibrated = Calibration(np.zeros(1), np.zeros(1), 1.0)
    model = ServiceModel(
        service=service,
        version="",
        features=features,
        whitening=whitening,
        forest=grow(columns, TREES, SAMPLES_PER_TREE, seed),
        reference=_reference(columns, seed),
        channels=(uncalibrated,) * len(CHANNELS),
        joint=uncalibrated,
        interval_s=table.interval_s,
        trained_from_ns=int(table.tick_ns[0]),
        trained_to_ns=int(table.tick_ns[-1]),
        rows=len(table),
        probe_x=np.zeros((0, len(features))),
        probe_tick_ns=np.zeros(0, np.int64),
        probe_nats=np.zeros(0),
    )
    held_back = calibrate.columns(features)
    probe = np.arange(len(held_back))[:: max(1, len(held_back) // PROBE_ROWS)][:PROBE_ROWS]
    return calibrated(model, held_back, calibrate.tick_ns).with_probe(held_back[probe], calibrate.tick_ns[probe])


def calibrated(model: ServiceModel, x: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> ServiceModel:
    """The same model, its scores calibrated on held-back normal rows `(n_rows, F)`, at least `2 * MIN_TAIL` of them."""
    raw = model.raw(x, tick_ns)
    model = replace(model, channels=tuple(Calibration.fit(raw[:, channel]) for channel in range(len(CHANNELS))))
    return replace(model, joint=Calibration.fit(model.mean_surprise(raw)))


def seed_of(text: str) -> int:
    """A seed from the id of a request: a repeat of the request trains the same model.

    >>> seed_of("a") == seed_of("a") != seed_of("b")
    True
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest())


def _usable(table: TrainingTable) -> tuple[str, ...]:
    """Names of the features that are there often enough, the most frequent `MAX_FEATURES` of them, sorted."""
    coverage = table.coverage()
    frequent = [i for i in np.argsort(-coverage, kind="stable")[:MAX_FEATURES] if coverage[i] >= MIN_COVERAGE]
    return tuple(sorted(table.features[i] for i in frequent))


def _fit_whitening(x: NDArray[np.float64], tick_ns: NDArray[np.int64]) -> tuple[Whitening, NDArray[np.float64]]:
    """Compression, scales, season and whitening matrix of rows `(n_rows, F)`; and the rows whitened `(n_rows, K)`."""
    log_scale, center, scale = (np.ascontiguousarray(column) for column in np.array(scales_of(x)).T)
    whitening = Whitening(log_scale, center, scale, np.zeros((0, x.shape[1])), np.eye(x.shape[1]))
    z = whitening.standardise(x, tick_ns)
    if tick_ns[-1] - tick_ns[0] >= SEASON_DAYS * DAY_NS:
        wave = waves_at(tick_ns)
        whitening = whitening._replace(season=_season(z, np.isfinite(x), wave))
        z = without_season(x, wave, whitening.season, z)
    whitening = whitening._replace(matrix=_whitening_matrix(z))
    return whitening, whitening.whiten_standardised(x, z)


def _season(z: NDArray[np.float64], there: NDArray[np.bool_], wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each column by time of day, `(2 HARMONICS + 1, F)`: ridge regression on the waves of a day, of the rows
    that have a value."""
    season = np.zeros((wave.shape[1], z.shape[1]))
    shared: dict[bytes, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for f, (has_value, column) in enumerate(zip(np.ascontiguousarray(there.T), np.ascontiguousarray(z.T), strict=True)):
        # most columns have their values in the same rows, and so the same moments of the waves
        key = has_value.tobytes()
        if key not in shared:
            rows = wave[has_value]
            shared[key] = rows, rows.T @ rows + SEASON_RIDGE * len(rows) * np.eye(rows.shape[1])
        rows, moments = shared[key]
        if len(rows) >= rows.shape[1]:
            season[:, f] = np.linalg.solve(moments, rows.T @ column[has_value])
    return season


def _whitening_matrix(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(F, K)` matrix that makes the columns of z uncorrelated and of like size (PCA whitening with a floor)."""
    covariance = np.atleast_2d(np.cov(z, rowvar=False))
    values, vectors = np.linalg.eigh(covariance)
    total = float(values.sum())
    if total <= 0.0:  # all features constant: nothing to learn from, and nothing to divide by
        return np.eye(z.shape[1])
    alive = values > DEAD_COMPONENT * total
    values, vectors = values[alive][::-1], vectors[:, alive][:, ::-1]
    # the sign of an eigenvector is arbitrary; fixed, so that equal data gives equal models everywhere
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    return np.ascontiguousarray(vectors / np.sqrt(values + COMPONENT_FLOOR * values.mean()))


def _reference(columns: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """A random `REFERENCE_ROWS` of the whitened rows `(n_rows, K)`."""
    chosen = np.random.default_rng(seed).choice(len(columns), min(REFERENCE_ROWS, len(columns)), replace=False)
    return np.ascontiguousarray(columns[np.sort(chosen)])
