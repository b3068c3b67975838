"""`scores.csv`: a row per entity and tick, under its name only when it is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.backtest.score_file import ScoreFile, rfc3339
from models.state.results import ScoredRows

START_NS = 1_700_000_000 * 10**9


def rows(*entries: tuple[int, float, float, int]) -> ScoredRows:
    """Rows as (entity, score, value, first cause)."""
    n = len(entries)
    score = np.array([entry[1] for entry in entries])
    return ScoredRows(
        np.array([entry[0] for entry in entries], np.int32),
        START_NS + 10**9 * np.arange(n),
        score,
        score > 1,
        np.array([entry[2] for entry in entries]),
        np.full(n, 5.0),
        np.full(n, 4.0),
        np.full(n, np.nan),
        np.array([[entry[3], -1, -1] for entry in entries], np.int32).reshape(n, 3),
        np.zeros((n, 3)),
        np.zeros(n, np.int8),
        ["7"] * n,
        ['cpu{core="0"}', "latency_ms"],
    )


def test_rows_are_written_as_they_come(tmp_path: Path) -> None:
    with ScoreFile(tmp_path / "scores.csv") as file:
        file.write(rows((1, 0.25, 8.5, 1), (0, 1.2345678, np.nan, 0)), ["shop/a", "shop/b"])
        file.write(rows(), ["shop/a"])
    assert (tmp_path / "scores.csv").read_text().splitlines() == [
        '"timestamp","entity","anomaly_score","is_anomaly","cause_metric","value","expected_low","expected_high",'
        '"model_version"',
        '"2023-11-14T22:13:20Z","shop/b",0.25,0,"latency_ms",8.5,4,,"7"',
        '"2023-11-14T22:13:21Z","shop/a",1.234568,1,"cpu{core=""0""}",,4,,"7"',
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_a_run_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(IndexError), ScoreFile(tmp_path / "scores.csv") as file:
        file.write(rows((5, 0.25, 8.5, 1)), ["an entity with another number"])
    assert list(tmp_path.iterdir()) == []


def test_times_have_milliseconds_where_any_of_them_has() -> None:
    times = np.array([START_NS, START_NS + 250_000_000])
    assert rfc3339(times).tolist() == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.250Z"]
    assert rfc3339(times[:1]).tolist() == ["2023-11-14T22:13:20Z"]
