"""Every detector that is compared: the shipped configuration and the baselines, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality import product
from benchmarks.quality.baselines import ewma, moving_zscore
from benchmarks.quality.corpus import DataSet, Stream
from models.errors import Misconfigured

Floats = NDArray[np.float64]
SHIPPED = "tidewatch"
EVERYWHERE = frozenset(DataSet)
MULTIVARIATE = frozenset({DataSet.SMD, DataSet.ASD})


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
    )
}


def names_for(data_set: DataSet) -> list[str]:
    """Detectors that are run on a data set."""
    return [SHIPPED, *(name for name, detector in BASELINES.items() if data_set in detector.data_sets)]


def check_name(name: str) -> None:
    """Raise `Misconfigured` where there is no such detector."""
    if name != SHIPPED and name not in BASELINES:
        raise Misconfigured(f"no detector {name!r}: {', '.join([SHIPPED, *BASELINES])}")


def run(name: str, stream: Stream) -> Scored:
    """Scores of one detector on one stream."""
    began = _cpu_s()
    if name != SHIPPED:
        score = BASELINES[name].score(stream)
        return Scored(np.nan_to_num(score), _cpu_s() - began)
    played = product.play(stream.path, stream.windows)
    return Scored(played.at(stream.time_ns, played.score, 0.0), _cpu_s() - began, played)


def _cpu_s() -> float:
    """Processor time of this process and of the children it has waited for: a Java, a training."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
