"""The scorers of the quality benchmark, on cases small enough to work out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import nab
from benchmarks.quality.alerts import episodes, lowest_threshold
from benchmarks.quality.corpus import CorpusPart, DataSet, Stream, load_streams
from benchmarks.quality.entity_figures import entity_figures
from models.errors import Misconfigured
from models.labels import LabelWindow


def _sigmoid(position: float) -> float:
    """2 / (1 + e^5x) - 1, as the benchmark's paper has it."""
    return 2 / (1 + math.exp(5 * position)) - 1


def _file(windows: list[tuple[int, int]]) -> nab.JudgedFile:
    """A hundred rows of which the first fifteen are probation."""
    return nab.judge(np.arange(100), windows)


def _scores(**rows: float) -> np.ndarray:
    score = np.zeros(100)
    for row, value in rows.items():
        score[int(row.removeprefix("row"))] = value
    return score


@pytest.mark.parametrize(("rows", "probation"), [(100, 15), (4032, 604), (5000, 750), (22_695, 750)])
def test_the_first_rows_of_a_file_are_probation(rows: int, probation: int) -> None:
    assert nab.probation_rows(rows) == probation


@pytest.mark.parametrize(
    ("detected", "gain"),
    [
        pytest.param([], 0.0, id="silence is worth nothing"),
        pytest.param([40], 2.0, id="a window found at its first row"),
        pytest.param([49], 1 + _sigmoid(-0.1) / _sigmoid(-1), id="a window found at its last row"),
        pytest.param([45, 49], 1 + _sigmoid(-0.5) / _sigmoid(-1), id="only the first detection in a window counts"),
        pytest.param([30], -0.11, id="false before any window"),
        pytest.param([52], 0.11 * _sigmoid(3 / 9), id="false just behind a window of ten rows"),
        pytest.param([90], -0.11, id="false far behind a window"),
        pytest.param([3], 0.0, id="in probation"),
    ],
)
def test_a_file_gains_what_its_detections_are_worth(detected: list[int], gain: float) -> None:
    found = np.isin(np.arange(100), detected)
    assert nab.gained(_file([(40, 49)]), found, nab.STANDARD) == pytest.approx(gain)


def test_profiles_weigh_false_detections_and_misses() -> None:
    file, found = _file([(40, 49)]), np.isin(np.arange(100), [30, 40])
    gains = {profile.name: nab.gained(file, found, profile) for profile in nab.PROFILES}
    assert gains == pytest.approx({"standard": 2 - 0.11, "low_fp": 2 - 0.22, "low_fn": 3 - 0.11})


def test_the_curve_has_the_score_of_every_threshold_and_takes_ties_together() -> None:
    files = [_file([(40, 49), (60, 69)]), _file([(20, 29)])]
    scores = [_scores(row40=0.9, row30=0.5, row60=0.5), _scores(row90=0.7)]
    curve = nab.curve(files, scores, nab.STANDARD)
    perfect = 3 * 2
    gains = [0.0, 2.0, 2.0 - 0.11, 2.0 - 0.11 + 2.0 - 0.11]
    assert curve.threshold[:4].tolist() == [math.inf, 0.9, 0.7, 0.5]
    assert curve.score[:4] == pytest.approx([100 * gain / perfect for gain in gains])
    assert curve.best() == (0.5, pytest.approx(100 * 3.78 / 6))
    assert curve.at(0.8) == pytest.approx(100 * 2 / 6)


def test_curve_and_gains_agree_at_every_threshold() -> None:
    rng = np.random.default_rng(1)
    files = [_file([(40, 49), (60, 69)]), _file([(10, 29)])]
    scores = [np.round(rng.random(100), 1), np.round(rng.random(100), 1)]
    for profile in nab.PROFILES:
        curve = nab.curve(files, scores, profile)
        for threshold, score in zip(curve.threshold[1:], curve.score[1:], strict=True):
            gains = sum(nab.gained(f, s >= threshold, profile) for f, s in zip(files, scores, strict=True))
            assert nab.normalised(gains, 3, profile) == pytest.approx(score)


def test_the_lowest_threshold_within_a_budget_is_that_of_a_search_through_all() -> None:
    rng = np.random.default_rng(0)
    for budget in (1, 5, 20):
        score = np.round(rng.random(300), 2)
        within = math.inf
        for threshold in np.unique(score)[::-1].tolist():
            if len(episodes(score, threshold)) > budget or np.mean(score >= threshold) >= 0.5:
                break
            within = threshold
        assert lowest_threshold(score, budget) == within


def _stream(**changes: object) -> Stream:
    """Four days of hours, the first two history; one window of three hours on the last day."""
    time_ns = np.arange(97, dtype=np.int64) * 3_600_000_000_000
    known = {
        "data_set": DataSet.ASD,
        "part": CorpusPart.REPORTING,
        "entity": "e",
        "path": Path("e.parquet"),
        "metrics": ("m",),
        "time_ns": time_ns,
        "values": np.zeros((97, 1)),
        "judged": np.arange(97) >= 48,
        "windows": (LabelWindow("e", int(time_ns[80]), int(time_ns[82])),),
    }
    return Stream(**(known | changes))  # type: ignore[arg-type]


def test_history_is_not_judged_and_alerts_keep_to_one_a_day() -> None:
    score = np.zeros(97)
    score[[5, 20, 81, 65, 50]] = [99, 98, 2, 3, 1]
    figures = entity_figures(_stream(), score)
    assert (figures.alerts, figures.right, figures.windows) == (2, 1, 1)
    assert figures.delays_s == (3600.0,)
    assert figures.average_precision == pytest.approx((1 / 2) / 3 + (3 / 49) * (2 / 3))


def test_a_window_that_is_over_before_anything_is_judged_does_not_count() -> None:
    early = _stream(windows=(LabelWindow("e", 0, 3_600_000_000_000),))
    assert entity_figures(early, np.arange(97.0)).windows == 0


def test_a_missing_data_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no such folder; name the one that holds nab/"):
        load_streams(tmp_path / "nowhere", [DataSet.NAB])
