"""The list of runs that are known to fail. It may only shrink: a run that passes has to be taken off it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.ordinary.judge import Complaint

KNOWN_FILE = Path(__file__).parent / "known_failures.toml"


def load_known() -> dict[str, dict[int, str]]:
    """Situation -> seed -> what is wrong."""
    if not KNOWN_FILE.exists():
        return {}
    read = tomllib.loads(KNOWN_FILE.read_text())
    return {name: {int(seed): text for seed, text in seeds.items()} for name, seeds in read.items()}


def write_known(results: Mapping[str, Mapping[int, list[Complaint]]]) -> None:
    """Replace the entries of these situations by what fails now."""
    known = load_known()
    for name, runs in results.items():
        known[name] = {seed: ", ".join(sorted({c.about for c in found})) for seed, found in runs.items() if found}
    lines = ["# Runs that fail: situation, seed, what is wrong. `--record` writes it; it may only shrink."]
    for name, seeds in known.items():
        if seeds:
            lines += ["", f'["{name}"]', *(f'{seed} = "{text}"' for seed, text in seeds.items())]
    KNOWN_FILE.write_text("\n".join(lines) + "\n")
