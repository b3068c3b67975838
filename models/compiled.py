"""One way to compile a loop: cached on disk, without the GIL, and with its Python types left for mypy."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` compiled on its first call. Floating-point order is kept (no fastmath): equal input, equal bits.

    Divisions follow IEEE 754 (infinity, not an exception), as in numpy.
    """
    return cast("Callable[P, R]", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
