"""The cache of compiled loops follows everything that goes into them."""

import shutil
from pathlib import Path

import pytest

from models import compiled

MODELS = compiled.MODELS


@pytest.fixture
def copy_of_models(tmp_path: Path) -> Path:
    return shutil.copytree(MODELS, tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))


def test_every_module_with_compiled_loops_is_a_source():
    with_loops = {file for file in MODELS.rglob("*.py") if "\n@compiled" in file.read_text()}
    assert len(with_loops) > 20
    assert with_loops <= set(compiled.sources())


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("detectors/novelty.py", id="a module with loops"),
        pytest.param("state/tables.py", id="tables that loops read"),
        pytest.param("series.py", id="what loops import"),
        pytest.param("compiled.py", id="how loops are compiled"),
    ],
)
def test_an_edit_of_what_loops_are_made_from_changes_the_digest(copy_of_models: Path, module: str):
    assert compiled.digest(copy_of_models) == compiled.DIGEST
    with copy_of_models.joinpath(module).open("a") as file:
        file.write("\n# an edit\n")
    assert compiled.digest(copy_of_models) != compiled.DIGEST


def test_a_new_module_with_a_loop_changes_the_digest(copy_of_models: Path):
    copy_of_models.joinpath("detectors", "brand_new.py").write_text("\n@compiled\ndef loop() -> None: ...\n")
    assert compiled.digest(copy_of_models) != compiled.DIGEST


def test_modules_that_no_loop_sees_do_not_cost_a_compilation(copy_of_models: Path):
    with copy_of_models.joinpath("slo", "alert_text.py").open("a") as file:
        file.write("\n# an edit\n")
    assert compiled.digest(copy_of_models) == compiled.DIGEST
