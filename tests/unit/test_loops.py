"""The loops that come with an image reach the folder in which numba looks, whole, and replace nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import loops


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "image" / "models_1"
    folder.mkdir(parents=True)
    (folder / "fold.nbi").write_text("index")
    (folder / "fold.1.nbc").write_text("code")
    return folder.parent


def contents(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_an_empty_folder_gets_all_and_a_filled_one_nothing(shipped: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert loops.take_over(shipped, kept) == 2
    assert contents(kept) == contents(shipped)
    assert loops.take_over(shipped, kept) == 0


def test_what_this_machine_has_compiled_stays(shipped: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "models_1").mkdir(parents=True)
    (kept / "models_1" / "fold.nbi").write_text("index with this processor")
    assert loops.take_over(shipped, kept) == 1
    assert (kept / "models_1" / "fold.nbi").read_text() == "index with this processor"


def test_code_comes_before_the_index_that_names_it(shipped: Path) -> None:
    assert [file.suffix for file in loops.in_order(shipped)] == [".nbc", ".nbi"]


def test_a_folder_that_cannot_be_written_to_is_passed_over(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    instead = tmp_path / "instead"
    assert loops.choose_folder(shipped, [tmp_path / "file" / "kept", instead]) == instead
    assert contents(instead) == contents(shipped)
    assert loops.choose_folder(shipped, [tmp_path / "file"]) is None


def test_the_folder_that_was_chosen_is_the_one_that_numba_looks_in(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "SHIPPED", shipped)
    monkeypatch.setattr(loops.tempfile, "tempdir", str(tmp_path))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(loops.FOLDER_VARIABLE, str(tmp_path / "file"))
    loops.prepare()
    assert loops.os.environ[loops.FOLDER_VARIABLE] == str(tmp_path / "tidewatch-loops")


def test_outside_an_image_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv(loops.FOLDER_VARIABLE, str(tmp_path / "kept"))
    loops.prepare()
    assert not (tmp_path / "kept").exists()
