"""One way to compile a loop: cached on disk, without the GIL, and with its Python types left for mypy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, cast

from models import numba_seams

P = ParamSpec("P")
R = TypeVar("R")

MODELS: Final = Path(__file__).parent
_IMPORT: Final = re.compile(r"^from (models[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def sources(folder: Path = MODELS) -> list[Path]:
    """Files whose text can end up in compiled code: those with a compiled loop, and what they import, to the end.

    Args:
        folder: of the package `models`.

    Returns:
        Paths, sorted. Imports below TYPE_CHECKING or inside functions do not count: loops can't see them.
    """
    found: set[Path] = set()
    waiting = [file for file in folder.rglob("*.py") if "\n@compiled" in file.read_text()] + [folder / "compiled.py"]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _imported(folder, file.read_text())
    return sorted(found)


def _imported(folder: Path, text: str) -> list[Path]:
    """Files of the package that a module's text imports, as modules or from modules."""
    candidates = []
    for module, names in _IMPORT.findall(text):
        path = folder.joinpath(*module.split(".")[1:])
        candidates += [path.with_suffix(".py"), *(path / f"{name}.py" for name in re.findall(r"\w+", names))]
    return [candidate for candidate in candidates if candidate.is_file()]


def digest(folder: Path = MODELS) -> str:
    """Twelve hex digits that stand for everything that compiled code is made from, names of files included."""
    parts = (part for file in sources(folder) for part in (str(file.relative_to(folder)).encode(), file.read_bytes()))
    return hashlib.blake2b(b"\0".join(parts), digest_size=6).hexdigest()


DIGEST: Final = digest()


def cache_folder(configured: str, *, fast: bool) -> Path | None:
    """Where compiled loops are kept: a folder for this digest, so that no loop is used that an edit has made old.

    numba by itself looks at the function's own file only. It would go on using what another file compiled into it
    before it was edited, or stumble over names that are gone.

    Args:
        configured: NUMBA_CACHE_DIR; it comes first. fast: whether on the fast path of numba's seam.

    Returns:
        The first folder that can be written to; None: loops are compiled at every start.
    """
    bases = [Path(configured)] if configured else [MODELS / "__pycache__", Path("~/.cache/tidewatch")]
    for base in bases:
        try:
            folder = base.expanduser() / f"loops-{DIGEST}-{'fast' if fast else 'plain'}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "writable").touch()
        except (OSError, RuntimeError):  # RuntimeError: nobody's home
            continue
        return folder
    return None


CACHE_FOLDER: Final = cache_folder(numba_seams.configured_cache_folder(), fast=numba_seams.SEAM.fast)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` compiled on its first call. Floating-point order is kept (no fastmath): equal input, equal bits.

    It can't make arrays. Those that it is given, and parts of them, belong to whoever called it, so nothing is counted:
    otherwise every call from loop to loop adds to and takes from a counter for each array that it is handed, which was
    a twelfth of a worker's time.

    Divisions follow IEEE 754 (infinity, not an exception), as in numpy.
    """
    return _compiled(function, counts=False)


def compiled_to_make_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a loop that needs arrays of its own."""
    return _compiled(function, counts=True)


def _compiled(function: Callable[P, R], *, counts: bool) -> Callable[P, R]:
    return cast("Callable[P, R]", numba_seams.decorator(counts=counts, cache_folder=CACHE_FOLDER)(function))
