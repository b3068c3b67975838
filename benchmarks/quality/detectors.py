"""Every detector that is compared: the shipped configuration and the baselines, by name."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import product
from benchmarks.quality.baselines import (
    ewma,
    half_space_trees,
    isolation_forest,
    mahalanobis,
    moving_zscore,
    nearest_neighbour,
    one_series,
    pca_residual,
    random_cut_forest,
    whitened_forest,
)
from benchmarks.quality.corpus import DataSet, Stream
from models.detectors.catalogue import CHANNELS
from models.errors import Misconfigured

Floats = NDArray[np.float64]
SHIPPED = "tidewatch"
RCF, RCF_GRADE = "random-cut-forest", "random-cut-forest-grade"
EVERYWHERE = frozenset(DataSet)
MULTIVARIATE = frozenset({DataSet.SMD, DataSet.ASD, DataSet.SERVICES})


@dataclass(frozen=True, slots=True)
class Variation:
    """The product once more: a model's seed follows from its service's name, so another name is another seed.

    Attributes:
        name_ends: what the file's name, which is the service's, ends with besides.
        settings: other than shipped.
    """

    data_sets: frozenset[DataSet]
    name_ends: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)


VARIATIONS: Mapping[str, Variation] = {
    SHIPPED: Variation(EVERYWHERE),
    f"{SHIPPED}, second seed": Variation(MULTIVARIATE, "-b"),
    f"{SHIPPED}, third seed": Variation(MULTIVARIATE, "-c"),
    f"{SHIPPED}, 7 a week asked": Variation(MULTIVARIATE, settings={"alerts_per_entity_week": 7.0}),
}
"""What is asked of SMD is precision and recall at an alert a day, which is what 7 a week asks of the product."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A detector's result on a stream.

    Attributes:
        score: float64 `(n,)`, a value per row of the stream, finite.
        cpu_s: processor time of the run, fits and trainings included.
        played: what the backtest told besides; None for baselines.
    """

    score: Floats
    cpu_s: float
    played: product.Played | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector, where it is run, and how."""

    name: str
    data_sets: frozenset[DataSet]
    score: Callable[[Stream], Floats]


def _plain(score: Callable[[Floats], Floats]) -> Callable[[Stream], Floats]:
    """A baseline that needs nothing but the values."""
    return lambda stream: score(stream.values)


BASELINES: Mapping[str, Detector] = {
    detector.name: detector
    for detector in (
        Detector("moving-zscore", EVERYWHERE, _plain(moving_zscore.score)),
        Detector("ewma", EVERYWHERE, _plain(ewma.score)),
        Detector("isolation-forest", EVERYWHERE, isolation_forest.score_fit_once),
        Detector("isolation-forest-daily", EVERYWHERE, isolation_forest.score_fit_daily),
        Detector("half-space-trees", EVERYWHERE, half_space_trees.score),
        Detector(RCF, EVERYWHERE, random_cut_forest.score),
        Detector(RCF_GRADE, frozenset({DataSet.NAB}), random_cut_forest.grade),
        Detector("pca-residual", MULTIVARIATE, pca_residual.score),
        Detector("mahalanobis", MULTIVARIATE, mahalanobis.score),
        Detector("whitened-forest", MULTIVARIATE, whitened_forest.score),
        Detector("nearest-neighbour", MULTIVARIATE, nearest_neighbour.score),
        *(Detector(f"channel-{one.name}", EVERYWHERE, partial(one_series.score, one)) for one in CHANNELS),
    )
}


def choose(names: Sequence[str], data_set: DataSet, say: Callable[[str], None]) -> list[str]:
    """Detectors to run on a data set: those named, or all; what can't be had on this machine is told and left out.

    Raises:
        Misconfigured: there is no detector of that name.
    """
    for name in names:
        if name not in VARIATIONS and name not in BASELINES:
            raise Misconfigured(f"no detector {name!r}: {', '.join([*VARIATIONS, *BASELINES])}")
    every = [name for name, variation in VARIATIONS.items() if data_set in variation.data_sets]
    every += [name for name, detector in BASELINES.items() if data_set in detector.data_sets]
    chosen = [name for name in every if name in names or not names]
    forests = [name for name in chosen if name in (RCF, RCF_GRADE)]
    if forests:
        missing = random_cut_forest.why_not()
        if missing is not None:
            say(f"left out: {', '.join(forests)}: {missing}")
            return [name for name in chosen if name not in forests]
        random_cut_forest.fetch()
    return chosen


def run(name: str, stream: Stream) -> Scored:
    """Scores of one detector on one stream."""
    began = cpu_s()
    if name not in VARIATIONS:
        score = BASELINES[name].score(stream)
        return Scored(np.nan_to_num(score), cpu_s() - began)
    played = _play(VARIATIONS[name], stream)
    return Scored(played.at(stream.time_ns, played.score, 0.0), cpu_s() - began, played)


def _play(variation: Variation, stream: Stream) -> product.Played:
    if not variation.name_ends:
        return product.play(stream.path, stream.windows, **variation.settings)
    with tempfile.TemporaryDirectory(prefix="tidewatch-quality-") as folder:
        renamed = Path(folder) / f"{stream.path.stem}{variation.name_ends}{stream.path.suffix}"
        renamed.symlink_to(stream.path.resolve())
        # labels come from the file itself: windows would name another entity
        return product.play(renamed, None, **variation.settings)


def cpu_s() -> float:
    """Processor time of this process and of the children it has waited for: a Java, a training."""
    # to the microsecond, where `os.times` counts hundredths of a second
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
