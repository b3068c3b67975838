"""What every detector keeps to: causal, exact, finite, bounded, and able to go on after a restart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from tests.unit.streams import SECOND_NS, cut, make, model_for, pieces, series, table

N = 600


@dataclass(frozen=True)
class Detector:
    """A way to score rows `(n_rows, n_features)`: the product's pipeline in one of the forms in which it runs."""

    n_features: int
    build: Callable[[], Pipeline]
    interval_ns: int = SECOND_NS

    def samples(self, rows: NDArray[np.float64], *, reverse: bool = False) -> SampleColumns:
        columns = {series(f"m{k}"): rows[:, k] for k in range(self.n_features)}
        if reverse:
            columns = dict(reversed(columns.items()))
        return table(columns, interval_ns=self.interval_ns)

    def scores(self, samples: SampleColumns) -> NDArray[np.float64]:
        pipeline = self.build()
        return np.concatenate([fold.rows.score for fold in (pipeline.fold(samples), pipeline.finish())])


def _modelled() -> Pipeline:
    pipeline = make()
    rows = np.random.default_rng(9).normal(0, 1, (400, 3))
    pipeline.use_model("shop", model_for(rows, ("m0", "m1", "m2")))
    return pipeline


DETECTORS = [
    pytest.param(Detector(1, make), id="online, one series"),
    pytest.param(Detector(6, make), id="online, several series"),
    pytest.param(Detector(3, make, 60 * SECOND_NS), id="online, a row a minute"),
    pytest.param(Detector(3, _modelled), id="online and a forest"),
    pytest.param(Detector(5, _modelled), id="a forest that knows some of the features"),
]

_RNG = np.random.default_rng(1)
STREAMS = {
    "noise": _RNG.normal(0, 1, N),
    "constant": np.full(N, 7.0),
    "zeros": np.zeros(N),
    "constant with one step": np.where(np.arange(N) < 300, 1.0, 2.0),
    "integers of two values": _RNG.integers(0, 2, N).astype(float),
    "mostly zero": (_RNG.random(N) < 0.04) * 1.0,
    "heavy tails": _RNG.standard_cauchy(N),
    "a trend": np.arange(N) * 1.0,
    "largest finite values": np.where(_RNG.random(N) < 0.5, 1.0, -1.0) * 1.7e308,
    "smallest values": _RNG.random(N) * 5e-324,
    "huge steps": np.repeat(_RNG.normal(0, 1e200, 6), 100),
    "saturated": np.clip(_RNG.normal(100, 5, N), 0, 100),
    "half of it missing": np.where(_RNG.random(N) < 0.5, np.nan, _RNG.normal(0, 1, N)),
}


def _rows(detector: Detector, seed: int = 0) -> NDArray[np.float64]:
    rows = np.random.default_rng(seed).normal(0, 1, (N, detector.n_features))
    rows[400:430, 0] += 15
    return rows


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("name", STREAMS)
def test_finite_values_give_finite_scores_from_zero_up(detector, name):
    rows = np.random.default_rng(0).normal(0, 1, (N, detector.n_features))
    rows[:, 0] = STREAMS[name]
    found = detector.scores(detector.samples(rows))
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("name", ["constant", "zeros", "saturated", "mostly zero", "integers of two values"])
def test_streams_that_hardly_move_do_not_alert_once_they_are_known(detector, name):
    rows = np.random.default_rng(0).normal(0, 1, (N, detector.n_features))
    # in the units that the models were trained in: known is what is like that
    still = STREAMS[name] - STREAMS[name].mean()
    rows[:, 0] = still / max(still.std(), 1.0)
    assert (detector.scores(detector.samples(rows))[N // 2 :] > 1).sum() <= 2


@pytest.mark.parametrize("detector", DETECTORS)
def test_one_sample_is_one_row_without_a_score(detector):
    samples = detector.samples(np.ones((1, detector.n_features)))
    assert detector.scores(samples).tolist() == [0.0]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_prefix_scores_as_the_beginning_of_the_whole(detector):
    rows = _rows(detector)
    whole, part = detector.scores(detector.samples(rows)), detector.scores(detector.samples(rows[:410]))
    # the last row of the prefix may be closed by `finish` instead of by what follows
    assert part[:409].tolist() == whole[:409].tolist()


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_score_as_the_whole(detector, batch):
    samples = detector.samples(_rows(detector)[:420])
    # one by one takes long: the first rows as well, but not all of the quiet ones between them and the incident
    singles, quiet = 60 * detector.n_features, 250 * detector.n_features
    pipeline = detector.build()
    folds = [pipeline.fold(piece) for piece in pieces(cut(samples, 0, singles), batch)]
    folds += [pipeline.fold(piece) for piece in pieces(cut(samples, singles), batch, first=quiet)]
    found = np.concatenate([fold.rows.score for fold in [*folds, pipeline.finish()]])
    assert found.tolist() == detector.scores(samples).tolist()


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_order_of_features_is_irrelevant(detector):
    rows = _rows(detector)
    forward, backward = (detector.scores(detector.samples(rows, reverse=reverse)) for reverse in (False, True))
    assert forward.tolist() == backward.tolist()


@pytest.mark.parametrize("detector", DETECTORS)
def test_asking_does_not_change_what_is_scored_next(detector):
    head, tail = pieces(detector.samples(_rows(detector)), 300 * detector.n_features)
    asked, left_alone = detector.build(), detector.build()
    for pipeline in (asked, left_alone):
        pipeline.fold(head)
    for _ in range(3):
        asked.latest()
        asked.snapshot()
    assert asked.fold(tail).rows.score.tolist() == left_alone.fold(tail).rows.score.tolist()


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_restart_in_an_incident_changes_nothing(detector):
    head, tail = pieces(detector.samples(_rows(detector)), 410 * detector.n_features)
    pipeline = detector.build()
    pipeline.fold(head)
    restored = Pipeline.restore(pipeline.config, pipeline.snapshot())
    assert restored.fold(tail).rows.score.tolist() == pipeline.fold(tail).rows.score.tolist()


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_is_remembered_is_bounded(detector):
    pipeline = detector.build()
    pipeline.fold(detector.samples(_rows(detector)))
    early = len(pipeline.snapshot())
    for part in range(1, 40):
        columns = {series(f"m{k}"): _rows(detector, part)[:, k] for k in range(detector.n_features)}
        pipeline.fold(table(columns, first_tick=part * N, interval_ns=detector.interval_ns))
    assert len(pipeline.snapshot()) < 1.5 * early + 2048
