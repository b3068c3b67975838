"""Hands memory that the process has no use for back to the system.

Compiled loops are loaded by LLVM, whose code is needed for nothing else then. A backlog makes and frees large buffers
in several threads; glibc keeps what lies between buffers that live on, half of all it has after a catch-up. Other C
libraries hand back by themselves, or offer nothing to call.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agents.worker.context import Context

EVERY_S: Final = 5.0
"""A call takes some milliseconds with a few hundred megabytes to look through."""


MAPPINGS: Final = Path("/proc/self/maps")
COMPILER: Final = "libllvmlite"
MADV_DONTNEED: Final = 4


def let_go_of_compiler() -> int:
    """Bytes of the compiler's code that are no longer mapped to memory; where a loop is yet to be compiled they come
    back by themselves, from the file that they are part of. 0 on systems that do not tell what is mapped where."""
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    if advise is None or not MAPPINGS.exists():
        return 0
    freed = 0
    for line in MAPPINGS.read_text().splitlines():
        span, access, *_, name = line.split()
        # code only: it is the same in memory as in the file
        if access == "r-xp" and COMPILER in name:
            start, end = (int(edge, 16) for edge in span.split("-"))
            if advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED) == 0:
                freed += end - start
    return freed


async def hand_back(context: Context) -> None:
    """Hand free memory back now and then, until cancelled."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(EVERY_S)
        await context.run(trim, 0)
