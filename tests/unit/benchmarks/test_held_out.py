"""Public collections become files of the quality benchmark as they are: rows, labels, and what is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import __main__ as quality
from benchmarks.quality import held_out
from benchmarks.quality.corpus import CorpusPart, DataSet, load_streams


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def jumpstarter(tmp_path: Path) -> Path:
    """Six rows of history and four judged, of which the second and third are labelled."""
    folder = tmp_path / "JumpStarter" / "dataset" / "Dataset2"
    _write(folder / "train" / "service0.csv", "".join(f"{row}.5,1\n" for row in range(6)))
    _write(folder / "test" / "service0.csv", "".join(f"{row}.5,2\n" for row in range(4)))
    _write(folder / "test_label" / "service0.csv", "0\n1\n1\n0\n")
    return folder.parents[1]


def test_services_are_fed_their_past_and_judged_behind_it(
    tmp_path: Path, jumpstarter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert held_out.main([str(tmp_path / "out"), "--services", str(jumpstarter)]) == 0
    assert "services: 1 files" in capsys.readouterr().out
    (stream,) = load_streams(tmp_path / "out", [DataSet.SERVICES])
    assert stream.part is CorpusPart.REPORTING
    assert stream.metrics == ("m00", "m01")
    assert stream.judged.tolist() == [False] * 6 + [True] * 4
    assert stream.inside.tolist() == [False] * 7 + [True, True, False]
    assert set(np.diff(stream.time_ns)) == {300_000_000_000}
    assert stream.values[6].tolist() == [0.5, 2.0]


def test_single_series_have_a_probation(tmp_path: Path) -> None:
    rows = [f'"2018-04-25T{row // 60:02}:{row % 60:02}:00Z","{row}",{int(row in (70, 71))}\n' for row in range(100)]
    _write(tmp_path / "cloud" / "data" / "rate" / "rate-01.csv", '"TimeStamp","Value","Label"\n' + "".join(rows))
    assert held_out.main([str(tmp_path / "out"), "--cloud", str(tmp_path / "cloud")]) == 0
    (stream,) = load_streams(tmp_path / "out", [DataSet.CLOUD])
    assert stream.judged.tolist() == [False] * 15 + [True] * 85
    assert np.flatnonzero(stream.inside).tolist() == [70, 71]
    assert stream.values[:, 0].tolist() == list(range(100))


@pytest.mark.parametrize(
    ("changed", "body", "complaint"),
    [
        ("JumpStarter/dataset/Dataset2/test_label/service0.csv", "0\n1\n", "4 rows have 2 labels"),
        ("JumpStarter/dataset/Dataset2/test/service0.csv", None, "no such file; name the folder of a whole checkout"),
        ("JumpStarter/dataset/Dataset2/train/service0.csv", None, "no files"),
    ],
)
def test_a_checkout_that_is_not_whole_is_told(
    jumpstarter: Path, changed: str, body: str | None, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path = jumpstarter.parent
    if body is None:
        (tmp_path / changed).unlink()
    else:
        (tmp_path / changed).write_text(body)
    assert held_out.main([str(tmp_path / "out"), "--services", str(jumpstarter)]) == 2
    assert complaint in capsys.readouterr().err


def test_a_series_of_other_columns_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "data" / "rate" / "rate-01.csv", "time,value\n1,2\n")
    assert held_out.main([str(tmp_path / "out"), "--cloud", str(tmp_path)]) == 2
    assert "columns time, value; expected TimeStamp, Value, Label" in capsys.readouterr().err


def test_sections_that_are_not_at_hand_are_left_out_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quality.main([str(tmp_path), "--only", "services", "--only", "cloud"]) == 0
    told = capsys.readouterr().out
    assert f"left out: services: no folder {tmp_path / 'services'}" in told
    assert f"left out: cloud: no folder {tmp_path / 'cloud'}" in told
