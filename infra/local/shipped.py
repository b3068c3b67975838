"""Configuration that the project ships beside its packages, found in a checkout and in an installed wheel alike."""

from __future__ import annotations

import shutil
from pathlib import Path

from models.errors import Misconfigured

CHECKOUT = Path(__file__).parents[2]
INSTALLED = Path(__file__).parent / "files"  # where pyproject.toml puts them in a wheel


def shipped(name: str) -> Path:
    """The folder `prometheus`, `alertmanager` or `slos`; raises `Misconfigured` when the installation lacks it."""
    for folder in (CHECKOUT / name, INSTALLED / name):
        if folder.is_dir():
            return folder
    raise Misconfigured(f"the installation has no {name}/ folder: install Tidewatch again")


def cache_folder(home: Path) -> Path:
    """Where fetched files are kept: the checkout's `.tidewatch/cache`, or `home`'s where there is no checkout."""
    return (CHECKOUT / ".tidewatch" if (CHECKOUT / "pyproject.toml").exists() else home) / "cache"


def find_program(service: str, *names: str) -> str:
    """Path of the first of `names` that is installed; raises `Misconfigured` with the package to install."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise Misconfigured(f"{service} is not installed: apt-get install --no-install-recommends {names[-1]}")
