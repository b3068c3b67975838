"""Lines are appended, and the file does not grow without bound."""

from __future__ import annotations

from pathlib import Path

from infra.local.log_file import LogFile


def test_a_full_file_is_moved_aside_and_the_one_before_it_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "notifications.log"
    log = LogFile(path, kept_bytes=5)
    for number in range(3):
        log.write([f"line {number}\n", "and more\n"])
    assert path.read_text() == "line 2\nand more\n"
    assert path.with_suffix(".log.1").read_text() == "line 1\nand more\n"
    assert len(list(path.parent.iterdir())) == 2
