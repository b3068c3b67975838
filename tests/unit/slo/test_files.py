"""OpenSLO files and folders from the disk, read as one set."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.slo.files import read_definitions, read_slos
from models.errors import Misconfigured
from tests.unit.slo.openslo.texts import AVAILABILITY, LATENCY


def test_a_folder_is_read_with_its_folders_and_one_file_may_refer_to_another(tmp_path: Path) -> None:
    sli, slo = AVAILABILITY.split("---\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "sli.yml").write_text(sli)
    (tmp_path / "slo.yaml").write_text(slo)
    (tmp_path / "notes.txt").write_text("not YAML: [")
    assert [slo.name for slo in read_slos([tmp_path])] == ["web-availability-gold", "web-availability-silver"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(LATENCY)
    assert len(read_definitions([file, tmp_path]).slos) == 1


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        pytest.param("missing.yaml", None, "missing.yaml: No such file or directory", id="a file that is not there"),
        pytest.param("a.yaml", b"\xff\xfe", "a.yaml: not UTF-8 text", id="a file that is no text"),
        pytest.param("a.yaml", b"", "no SLO in", id="a file without an SLO"),
        pytest.param("", None, "no .yaml or .yml file in this folder", id="a folder without files"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, body: bytes | None, problem: str) -> None:
    path = tmp_path / name if name else tmp_path
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(Misconfigured) as caught:
        read_definitions([path])
    assert problem in str(caught.value)
