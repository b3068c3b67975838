"""One way to compile a loop: cached on disk, without the GIL, and with its Python types left for mypy."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

# numba imports SciPy to look at its version, and at the first call of a compiled loop to see whether it has a BLAS,
# which none of ours uses: 35 MB in every worker. None makes these imports fail, which numba takes for "not installed";
# whoever needs SciPy afterwards gets it.
if "scipy" not in sys.modules:
    sys.modules["scipy"] = None  # type: ignore[assignment]
    import numba
    import numba.np.arraymath

    del sys.modules["scipy"]
else:
    import numba
from numba.core.caching import IndexDataCacheFile

P = ParamSpec("P")
R = TypeVar("R")

SOURCES = (
    "adwin", "calibration", "compiled", "counting", "daily", "distance", "drift", "episodes", "false_alarms",
    "features", "forest", "forest_growth", "form_table", "json_scan", "kafka_layout", "level_shift", "native_batches",
    "native_json", "novelty", "online", "own_level", "placing", "rows", "score_texts", "scoring", "seasonal",
    "service_model", "state", "texts", "threshold", "variance_change", "whitening",
)  # fmt: skip
"""Modules whose text ends up in compiled code: the loops, and the tables and constants that they use."""


def _digest() -> str:
    """Twelve hex digits that stand for everything that compiled code is made from."""
    texts = (Path(__file__).with_name(f"{module}.py").read_bytes() for module in SOURCES)
    return hashlib.blake2b(b"\0".join(texts), digest_size=6).hexdigest()


DIGEST = _digest()


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` compiled on its first call. Floating-point order is kept (no fastmath): equal input, equal bits.

    It can't make arrays. Those that it is given, and parts of them, belong to whoever called it, so nothing is counted:
    otherwise every call from loop to loop adds to and takes from a counter for each array that it is handed, which was
    a twelfth of a worker's time.

    Divisions follow IEEE 754 (infinity, not an exception), as in numpy. The names of the cache's files carry the digest
    of `SOURCES`: numba by itself looks at the function's own file only, and would go on using what another file
    compiled into it before it was edited, or stumble over names that are gone.
    """
    return _compiled(function, counts=False)


def compiled_to_make_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a loop that needs arrays of its own."""
    return _compiled(function, counts=True)


def _compiled(function: Callable[P, R], *, counts: bool) -> Callable[P, R]:
    njit: Any = numba.njit
    dispatcher = njit(cache=True, nogil=True, error_model="numpy", _nrt=counts)(function)
    cache, index_file = dispatcher._cache, cast("Any", IndexDataCacheFile)
    cache._cache_file = index_file(cache.cache_path, f"{cache._impl.filename_base}-{DIGEST}", DIGEST)
    return cast("Callable[P, R]", dispatcher)
