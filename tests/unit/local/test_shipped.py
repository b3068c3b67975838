"""Configuration that is shipped is found in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.shipped import shipped

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "slos"])
def test_each_folder_is_that_of_the_checkout(name: str) -> None:
    assert shipped(name) == ROOT / name
