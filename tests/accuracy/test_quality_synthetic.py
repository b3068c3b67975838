"""The quality benchmark in small: the shipped configuration and baselines on synthetic streams, with pinned figures.

The shipped configuration may get better unnoticed, not worse: raise its figures when it does. Baselines must not move.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.quality.attribution import LASTS_ROWS
from benchmarks.quality.calibration import false_alarms, quiet_file
from benchmarks.quality.corpus import CorpusPart, DataSet, Stream, read_stream
from benchmarks.quality.detectors import SHIPPED, run
from benchmarks.quality.entity_figures import entity_figures
from benchmarks.quality.quiet_streams import KINDS, quiet

ROWS, JUDGED_FROM, DAY_ROWS = 6 * 288, 3 * 288, 288
EVERY = 5
"""Of the quiet streams' minutes: a row in five of them, to be done in seconds."""

WORSE = 0.03
"""How much lower a figure of the shipped configuration may be: another version of numba or scikit-learn."""


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """Eight metrics that hang together, six days of five minutes, two faults a day in the last three."""
    made = quiet("8 metrics", 7)
    names = list(made.columns)
    values = np.column_stack([made.columns[name][::EVERY][:ROWS] for name in names])
    label = np.zeros(ROWS, np.int8)
    for number, first in enumerate(range(JUDGED_FROM + 60, ROWS - 30, 140)):
        during = slice(first, first + LASTS_ROWS)
        values[during, number % len(names)] += 2 * values[:, number % len(names)].std() * (-1) ** number
        label[during] = 1
    path = tmp_path_factory.mktemp("synthetic") / "synthetic.parquet"
    time_ns = (made.time_s[::EVERY][:ROWS] * 1e9).astype(np.int64)
    part = np.where(np.arange(ROWS) >= JUDGED_FROM, "scored", "history")
    columns = {"timestamp": pa.array(time_ns, pa.timestamp("ns", "UTC")), "label": label, "part": part}
    pq.write_table(pa.table(columns | {name: values[:, i] for i, name in enumerate(names)}), path)
    return read_stream(path, "synthetic", DataSet.SMD, CorpusPart.REPORTING, None)


def test_the_stream_is_read_with_its_labels_and_parts(stream: Stream) -> None:
    assert (stream.values.shape, int(stream.judged.sum()), len(stream.judged_windows)) == ((ROWS, 8), 3 * DAY_ROWS, 6)


@pytest.mark.parametrize(
    ("detector", "vus_pr"),
    [
        pytest.param("moving-zscore", 0.703, id="moving z-score"),
        pytest.param("ewma", 0.509, id="EWMA"),
        pytest.param("isolation-forest", 0.485, id="Isolation Forest, fit once"),
        pytest.param("mahalanobis", 0.9997, id="Mahalanobis"),
        pytest.param("pca-residual", 0.619, id="PCA residual"),
        pytest.param("nearest-neighbour", 0.994, id="nearest neighbour"),
    ],
)
def test_baselines_score_as_pinned(stream: Stream, detector: str, vus_pr: float) -> None:
    assert entity_figures(stream, run(detector, stream).score).vus_pr == pytest.approx(vus_pr, abs=0.01)


@pytest.mark.parametrize("detector", ["moving-zscore", "ewma", "mahalanobis", "pca-residual", "nearest-neighbour"])
def test_what_follows_does_not_change_a_baselines_score(stream: Stream, detector: str) -> None:
    seen = 5 * DAY_ROWS + 77
    shorter = Stream(
        stream.data_set,
        stream.part,
        stream.entity,
        stream.path,
        stream.metrics,
        stream.time_ns[:seen],
        stream.values[:seen],
        stream.judged[:seen],
        stream.windows,
    )
    assert run(detector, shorter).score == pytest.approx(run(detector, stream).score[:seen], rel=1e-9)


def test_the_shipped_configuration_is_no_worse_than_pinned(stream: Stream) -> None:
    figures = entity_figures(stream, run(SHIPPED, stream).score)
    assert figures.vus_pr >= 0.869 - WORSE
    assert len(figures.delays_s) >= 2


@pytest.mark.parametrize(("asked", "fewest", "most"), [(1.0, 0, 2), (7.0, 5, 9)])
def test_a_quiet_stream_raises_no_more_than_asked_at_first_and_about_as_many_in_its_second_week(
    asked: float, fewest: int, most: int
) -> None:
    counted = false_alarms(quiet_file("gaussian", 7, slice(None, 14 * DAY_ROWS * EVERY, EVERY)), asked)
    assert (counted.first_weeks, counted.later_weeks) == pytest.approx((1.0, 1.0), abs=0.01)
    assert counted.first <= asked
    assert fewest <= counted.later <= most


@pytest.mark.parametrize("kind", ["three distinct values", "mostly zero", "rounded to half a degree"])
def test_a_stream_of_a_few_values_has_the_alert_a_week_that_is_asked_for_after_a_silent_first_week(kind: str) -> None:
    counted = false_alarms(quiet_file(kind, 7), 1.0)
    assert counted.first <= 1
    assert 1 <= counted.later <= 4


def test_quiet_streams_follow_from_their_seed() -> None:
    assert len(KINDS) >= 20
    for name in ("bursts", "38 metrics, 20 dead"):
        first, again, other = quiet(name, 1), quiet(name, 1), quiet(name, 2)
        for metric in first.columns:
            assert np.array_equal(first.columns[metric], again.columns[metric])
        assert any(not np.array_equal(first.columns[m], other.columns[m]) for m in first.columns)
