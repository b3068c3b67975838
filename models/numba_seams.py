"""numba, and what we use of it beside its documentation. `models/compiled.py` is the way to compile a loop.

One more thing is not documented: numba goes on where SciPy can't be imported. If it did not, it would be imported with
SciPy, which takes 35 MB more in every worker.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from models.seams import Library, LibraryPart, Seam


@contextlib.contextmanager
def _without_scipy() -> Iterator[None]:
    """None makes imports of SciPy fail, which numba takes for "not installed". Who needs it afterwards gets it."""
    if "scipy" in sys.modules:
        yield
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["scipy"]


# numba imports SciPy to look at its version, and at the first call of a loop to see whether it has a BLAS
try:
    with _without_scipy():
        import numba
        import numba.np.arraymath
except ImportError:
    import numba

SEAM: Final = Seam(
    Library.NUMBA,
    tested=("0.68.1",),
    parts=(
        LibraryPart(
            "numba.core.cpu:CPUTargetOptions._nrt",
            breaks="an unknown option: no loop compiles",
            plain="every call from loop to loop counts the users of each array, a twelfth of a worker's time",
        ),
    ),
)


def decorator(*, counts: bool, cache_folder: Path | None) -> Callable[[Any], Any]:
    """numba's decorator with our options.

    Args:
        counts: whether the loop may make arrays. Where not, nobody counts the users of those that it is given.
        cache_folder: where compiled code is kept between processes; None: nowhere.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    if SEAM.fast:
        options["_nrt"] = counts

    def compile_at_first_call(function: Any) -> Any:
        if cache_folder is None:
            return numba.njit(**options)(function)
        with _cached_in(cache_folder):
            return numba.njit(cache=True, **options)(function)

    return compile_at_first_call


@contextlib.contextmanager
def _cached_in(folder: Path) -> Iterator[None]:
    """A loop keeps the folder that it finds when it is decorated."""
    config: Any = numba.config
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def configured_cache_folder() -> str:
    """NUMBA_CACHE_DIR, as numba has read it; empty where it is not set."""
    config: Any = numba.config
    return str(config.CACHE_DIR)
