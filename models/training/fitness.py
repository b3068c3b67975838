"""How well a model does on rows held back: what a promotion is decided on.

Four figures. The surprise: how unexpected the quiet rows that count now are, which says whether a model fits them
(Fisher's method of combining probabilities). The alarm ratio: alarms on held-back quiet rows over the alarms asked for.
The separation: the probability that a row of an incident scores above a quiet one (area under the ROC curve), on known
incidents where there are enough, and on faults put into the held-back rows always. The coverage: the share of the
features alive that a model looks at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.scoring.alert_threshold import WEEK_S
from models.service_model.model import ServiceModel
from models.service_model.scaling import quantiles
from models.training.model_drift import misfit_since_ns
from models.training.table import TrainingTable, calibration_rows

MEASURABLE_ALARMS: Final = 10.0
"""A rate is measured where at least this many alarms are expected, of the rows judged and of the rows that calibrated
each model; with a short history that is a higher rate than the one asked for, and the calibration is judged there."""

MOST_SURPRISE: Final = 10.0
"""A single row says no more than this (a chance of 1 in 22,000): one spike is not a model that does not fit."""

FIT_SIGMAS: Final = 3.0
"""A mean surprise above 1 by more than this many standard deviations is no accident. Two samples deviate: the rows
judged, and the rows that calibrated the model."""

CLUSTERING: Final = 4.0
"""Unusual rows come in runs: the variance of a mean is taken as this many times that of independent rows."""

MIN_INCIDENT_ROWS: Final = 20
FAULT_SIGMAS: Final = (4.0, 8.0)
"""Size of the faults put in, in the feature's standard deviations over the held-back rows, the robust or the plain one,
whichever is larger: where tails are long, four of the robust ones are nothing unusual."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """How one model does on the held-back rows.

    Attributes:
        alarm_ratio: alarms on quiet rows over the alarms asked for, both plus one, so that nothing divides by zero.
        surprise: mean surprise of the quiet rows that count now, nats, each cut at `MOST_SURPRISE`; 1 for a model that
            knows them (the surprise of a calibrated model is exponentially distributed).
        fits: whether that surprise can be an accident. unfit_since_ns: event time since when it is not, where it was
            before; None where it fits, or never did.
        separation: ROC area on rows with a fault put in, 0 to 1.
        separation_incidents: ROC area on rows of known incidents; NaN where there are fewer than `MIN_INCIDENT_ROWS`.
        coverage: share of the features alive (by how often they have a value) that the model looks at, 0 to 1.
    """

    alarm_ratio: float
    surprise: float
    fits: bool
    separation: float
    separation_incidents: float
    coverage: float
    unfit_since_ns: int | None = None

    @property
    def worst_separation(self) -> float:
        """The smaller of the separations that are known."""
        return float(np.nanmin((self.separation, self.separation_incidents)))

    @property
    def figures(self) -> dict[str, float]:
        """The finite ones of them, by name."""
        figures = {
            "alarm_ratio": self.alarm_ratio,
            "surprise": self.surprise,
            "fits": float(self.fits),
            "separation": self.separation,
            "coverage": self.coverage,
        }
        if math.isfinite(self.separation_incidents):
            figures["separation_incidents"] = self.separation_incidents
        if self.unfit_since_ns is not None:
            figures["unfit_since_s"] = self.unfit_since_ns / 1e9
        return figures


class HeldBackRows:
    """The rows that both models are held against, faults included."""

    def __init__(
        self,
        quiet: TrainingTable,
        incidents: TrainingTable,
        models: Sequence[ServiceModel],
        *,
        since_ns: int | None,
        alerts_per_entity_week: float,
        seed: int,
    ) -> None:
        self._quiet = quiet
        self._since = slice(0 if since_ns is None else int(np.searchsorted(quiet.tick_ns, since_ns)), None)
        self._incidents = incidents
        self._faulty = with_faults(quiet, seed)
        asked = alerts_per_entity_week * quiet.interval_s / WEEK_S
        fewest = min(len(quiet), *(calibration_rows(model.rows) for model in models))
        self.rate = min(max(asked, MEASURABLE_ALARMS / max(fewest, 1)), 0.5)

    def fitness(self, model: ServiceModel) -> Fitness:
        quiet = _nats(model, self._quiet)
        faulty = _nats(model, self._faulty)
        expected = self.rate * len(quiet)
        alarms = int(np.sum(quiet >= -math.log(self.rate)))
        recent = np.minimum(quiet[self._since], MOST_SURPRISE)
        mean = float(recent.mean()) if len(recent) else 1.0
        deviation = math.sqrt(CLUSTERING / max(len(recent), 1) + CLUSTERING / max(calibration_rows(model.rows), 1))
        known = math.nan
        if len(self._incidents) >= MIN_INCIDENT_ROWS:
            surprise = _nats(model, self._incidents)
            known = roc_area(surprise, quiet)
        fits = mean <= 1.0 + FIT_SIGMAS * deviation
        return Fitness(
            alarm_ratio=(alarms + 1.0) / (expected + 1.0),
            surprise=mean,
            fits=fits,
            separation=roc_area(faulty, quiet),
            separation_incidents=known,
            coverage=_coverage(model, self._quiet),
            unfit_since_ns=None if fits else misfit_since_ns(np.minimum(quiet, MOST_SURPRISE), self._quiet.tick_ns),
        )


def with_faults(table: TrainingTable, seed: int) -> TrainingTable:
    """The same rows, each with one of its features moved by 4 to 8 standard deviations, up or down."""
    if len(table) == 0 or not table.features:
        return table
    random = np.random.default_rng(seed)
    x = table.x.copy()
    sigma = deviations(x)
    movable = np.flatnonzero(sigma > 0)
    if len(movable) == 0:
        return table
    feature = random.choice(movable, size=len(table))
    size = random.uniform(*FAULT_SIGMAS, size=len(table)) * random.choice((-1.0, 1.0), size=len(table))
    rows = np.arange(len(table))
    x[rows, feature] += size * sigma[feature]
    faulty = TrainingTable(table.features, table.entities, x, table.entity, table.tick_ns, table.interval_s)
    return faulty.take(np.isfinite(x[rows, feature]))


def deviations(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation `(F,)` of each column's values, the robust or the plain one, whichever is larger; 0 for a
    column that has none."""
    x = np.where(_never(x), 0.0, x)
    ordered = np.sort(x.T, axis=1)  # NaN comes last
    there = (~np.isnan(x)).sum(axis=0).tolist()
    lower, upper = np.array([quantiles(one[:n], (0.25, 0.75)) for one, n in zip(ordered, there, strict=True)]).T
    return np.asarray(np.maximum((upper - lower) / 1.349, np.nanstd(x, axis=0)))


def roc_area(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Probability that a positive row scores above a negative one, ties counting half (Mann and Whitney, 1947).

    >>> roc_area(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    if len(positive) == 0 or len(negative) == 0:
        return 0.5
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left") + np.searchsorted(ordered, positive, side="right")
    return float(below.sum() / (2.0 * len(positive) * len(negative)))


def _nats(model: ServiceModel, table: TrainingTable) -> NDArray[np.float64]:
    """Surprise `(n_rows,)` of a table's rows."""
    return model.nats(table.columns(model.features), table.tick_ns)


def _never(x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask `(n_rows, F)` of the columns that have no value at all."""
    return np.broadcast_to(~np.isfinite(x).any(axis=0), x.shape)


def _coverage(model: ServiceModel, table: TrainingTable) -> float:
    presence = table.coverage()
    total = float(presence.sum())
    looked_at = sum(share for name, share in zip(table.features, presence, strict=True) if name in set(model.features))
    return float(looked_at / total) if total > 0 else 0.0
