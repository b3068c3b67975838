"""docs/operations.md documents exactly the settings that exist, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
ROWS = dict(re.findall(r"^\| `(TIDEWATCH_\w+)` \| *(.*?) *\| .+ \|$", TEXT, re.MULTILINE))

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
