"""Hands memory that the process has no use for back to the system.

Compiled loops are loaded by LLVM, whose code is needed for nothing else then. A backlog makes and frees large buffers
in several threads; glibc keeps what lies between buffers that live on, half of all it has after a catch-up. Other C
libraries hand back by themselves, or offer nothing to call.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from agents.worker.context import Context
from infra import libc_seams

EVERY_S: Final = 5.0
"""A call takes some milliseconds with a few hundred megabytes to look through."""

MAPPINGS: Final = Path("/proc/self/maps")
COMPILER: Final = "libllvmlite"


def let_go_of_compiler() -> int:
    """Bytes of the compiler's code that are no longer mapped to memory; where a loop is yet to be compiled they come
    back by themselves, from the file that they are part of. 0 on systems that do not tell what is mapped where."""
    if not MAPPINGS.exists():
        return 0
    freed = 0
    for line in MAPPINGS.read_text().splitlines():
        span, access, *_, name = line.split()
        # code only: it is the same in memory as in the file
        if access == "r-xp" and COMPILER in name:
            start, end = (int(edge, 16) for edge in span.split("-"))
            if libc_seams.drop_pages(start, end):
                freed += end - start
    return freed


async def hand_back(context: Context) -> None:
    """Hand free memory back now and then, until cancelled."""
    trim = libc_seams.trim()
    while trim is not None:
        await asyncio.sleep(EVERY_S)
        await context.run(trim, 0)
