"""Whether a worker reads is put together from what its parts say; whether it lives, from its event loop's beat."""

from __future__ import annotations

import asyncio

import pytest

from agents.worker.readiness import DEAD_AFTER_S, Pulse, Stage, WorkerReadiness


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.RUNNING])
def test_a_worker_that_starts_or_ends_waits_for_what_it_is_at(stage: Stage) -> None:
    readiness = WorkerReadiness()
    readiness.stage = stage
    assert readiness.waits_for() == [stage.value]


def test_a_running_worker_waits_for_what_its_parts_name_each_once() -> None:
    readiness = WorkerReadiness(lambda: ["postgresql", "kafka"], lambda: ["kafka"], list)
    readiness.stage = Stage.RUNNING
    assert readiness.waits_for() == ["kafka", "postgresql"]


def test_a_running_worker_whose_parts_wait_for_nothing_reads() -> None:
    readiness = WorkerReadiness(list)
    readiness.stage = Stage.RUNNING
    assert readiness.waits_for() == []


async def test_a_worker_is_alive_while_its_loop_turns_and_dead_a_minute_after_the_last_beat() -> None:
    now_s = 100.0
    pulse = Pulse(lambda: now_s)
    now_s += DEAD_AFTER_S
    assert not pulse.is_alive
    beating = asyncio.create_task(pulse.beat())
    await asyncio.sleep(0)
    beating.cancel()
    assert pulse.age_s == 0.0
    now_s += DEAD_AFTER_S - 1
    assert pulse.is_alive
