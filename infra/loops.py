"""Compiled loops that come with an image, and the folder in which this machine keeps its own.

Compiling all of them takes a minute of CPU. It is done when the image is made, for the processor of that machine.
numba's files say for which processor they are: on another one the loops are compiled once and kept.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(sys.prefix) / "loops"
"""Where an image has them: inside its environment, which nobody may write to."""

FOLDER_VARIABLE: Final = "NUMBA_CACHE_DIR"
"""Read by numba when it is imported; it refuses to cache in a folder that can't be written to."""


def take_over(shipped: Path, kept: Path) -> int:
    """Copy those shipped files that are not kept yet; how many.

    A file appears whole or not at all, whoever else does the same meanwhile. The loops of another version have other
    names, so nothing is ever replaced.

    Raises:
        OSError: `kept` can't be written to.
    """
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as folder:  # also where there is nothing to copy: numba has to write
        missing = [file for file in in_order(shipped) if not (kept / file.relative_to(shipped)).exists()]
        for number, file in enumerate(missing):
            target = kept / file.relative_to(shipped)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, part := Path(folder) / str(number))
            part.replace(target)
    return len(missing)


def in_order(folder: Path) -> list[Path]:
    """Code (`.nbc`) before the index (`.nbi`) that names it."""
    return sorted((file for file in folder.rglob("*.nb?")), key=lambda file: (file.suffix, file))


def choose_folder(shipped: Path, wanted: Sequence[Path]) -> Path | None:
    """The first of `wanted` that can be written to, with the shipped loops in it; None where there is none."""
    for folder in wanted:
        try:
            take_over(shipped, folder)
        except OSError:  # read-only, or somebody else's: the next one
            continue
        return folder
    return None


def prepare() -> None:
    """Before numba is imported: let this process and its children find the loops that came with the image."""
    kept = os.environ.get(FOLDER_VARIABLE)
    if not kept or not SHIPPED.is_dir():
        return
    folder = choose_folder(SHIPPED, [Path(kept), Path(tempfile.gettempdir()) / "tidewatch-loops"])
    if folder is not None:
        os.environ[FOLDER_VARIABLE] = str(folder)
