"""docs/operations.md documents exactly the settings that exist, with their defaults."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import SecretStr

from agents.kafka import aiokafka_seams, faust_seams
from infra import libc_seams
from infra.cli import typer_seams
from infra.settings import Settings
from models import numba_seams
from models.seams import Library, Seam
from models.service_model import numpy_seams, sklearn_seams

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
ROWS = dict(re.findall(r"^\| `(TIDEWATCH_\w+)` \| *(.*?) *\| .+ \|$", TEXT, re.MULTILINE))

MODULES = [aiokafka_seams, faust_seams, libc_seams, numba_seams, numpy_seams, sklearn_seams, typer_seams]

# the default is computed where it is empty
COMPUTED = {"lake": "`<home>/lake`"}


def shown(default: object) -> str:
    """A default as the table writes it."""
    match default:
        case SecretStr() | "":
            return ""
        case tuple():
            return "`[" + ", ".join(f'"{item}"' for item in default) + "]`"
        case float():
            return f"`{default:g}`" if default < 1e6 else f"`{default:.0f}`"
        case _:
            return f"`{default}`"


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(ROWS) == {f"TIDEWATCH_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_documented_default_is_the_default(name: str) -> None:
    expected = COMPUTED.get(name, shown(Settings.model_fields[name].default))
    assert ROWS[f"TIDEWATCH_{name.upper()}"] == expected


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_seam_is_documented_with_the_versions_it_was_tested_with(module: ModuleType) -> None:
    file = Path(module.__file__ or "").relative_to(ROOT)
    seam: Seam = module.SEAM
    assert f"| {seam.library} | `{file}` | {' or '.join(seam.tested)} |" in TEXT


# libc is the system's; of numpy another version is pinned for Python 3.12, where the guard compares the draws
@pytest.mark.parametrize("library", [library for library in Library if library not in (Library.LIBC, Library.NUMPY)])
def test_the_pinned_version_of_a_library_with_a_seam_is_a_tested_one(library: Library) -> None:
    tested = next(module.SEAM.tested for module in MODULES if module.SEAM.library is library)
    assert version(library.value) in tested
