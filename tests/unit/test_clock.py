"""The clocks of this machine, and the one that tests move."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from infra.clock import Clock, SystemClock
from tests.clock import ManualClock

TESTS = Path(__file__).parents[1]


def test_the_wall_clock_is_past_the_day_this_was_written_and_the_steady_one_never_goes_back() -> None:
    clock: Clock = SystemClock()
    assert clock.now_ns() > 1_780_000_000 * 1_000_000_000
    moments = [clock.steady_s() for _ in range(100)]
    assert moments == sorted(moments)


async def test_the_steady_clock_is_the_one_that_a_loop_waits_by() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    assert before <= SystemClock().steady_s() <= loop.time() + 0.01


def test_a_manual_clock_moves_when_told_both_clocks_together() -> None:
    clock = ManualClock(1000)
    clock.advance(1.5)
    assert (clock.now_ns(), clock.steady_s()) == (1_500_001_000, 1.5)


def test_no_test_patches_a_clock_or_chance() -> None:
    patched = re.compile(r"(?:setattr|patch(?:\.object)?)\(\s*[^,)]*(?<!np\.)\b(?:time|random)\b[\"',.)]")
    found = [
        f"{path.relative_to(TESTS)}: {hit.group()}"
        for path in TESTS.rglob("*.py")
        if path != Path(__file__)
        for hit in patched.finditer(path.read_text())
    ]
    assert found == [], "clocks and chance come in by constructor: tests/clock.py has one that tests move"
    assert patched.search('monkeypatch.setattr("agents.ingest.agent.time.time_ns", lambda: 0)')
    assert patched.search("monkeypatch.setattr(time, 'monotonic', lambda: 0)")
