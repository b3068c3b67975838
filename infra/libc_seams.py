"""The system's C library, and what we call of it that Python has no name for.

`prctl` exists on Linux alone. Without it the next start of the stack ends what a killed one left, by the pid files.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

from models.seams import Library, LibraryPart, Seam

MADV_DONTNEED: Final = 4
PR_SET_PDEATHSIG: Final = 1
"""Of sys/mman.h and linux/prctl.h."""

_LIBC: Final[Any] = ctypes.CDLL(None)
_PRCTL: Final = getattr(_LIBC, "prctl", None)  # found now: between fork and exec nothing may be looked up


def _part(name: str, plain: str) -> LibraryPart:
    return LibraryPart("ctypes:CDLL", "nothing to call", plain, works=lambda _: hasattr(_LIBC, name), name=name)


SEAM: Final = Seam(
    Library.LIBC,
    tested=("glibc 2.36",),
    parts=(
        _part("malloc_trim", "memory that a catch-up has freed stays with the process"),
        _part("madvise", "the compiler's code stays mapped"),
    ),
)


def trim() -> Callable[[int], int] | None:
    """What hands free memory back to the system, keeping as many bytes as it is told to; None where nothing does."""
    return _LIBC.malloc_trim if SEAM.fast else None


def drop_pages(start: int, end: int) -> bool:
    """Whether the memory from `start` to `end` was let go of; it comes back from the file that is mapped there."""
    return SEAM.fast and _LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED) == 0


def end_with_parent(stop_signal: int) -> None:
    """Have the kernel send this process `stop_signal` when the thread that started it ends. Between fork and exec."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, stop_signal)
