"""Hands memory that is free inside of the process back to the system.

A backlog makes and frees large buffers in several threads; glibc keeps what lies between buffers that live on, half of
all it has after a catch-up. Other C libraries hand back by themselves, or offer nothing to call.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

from agents.context import Context

EVERY_S: Final = 5.0
"""A call takes some milliseconds with a few hundred megabytes to look through."""


async def hand_back(context: Context) -> None:
    """Hand free memory back now and then, until cancelled."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    while trim is not None:
        await asyncio.sleep(EVERY_S)
        await context.run(trim, 0)
