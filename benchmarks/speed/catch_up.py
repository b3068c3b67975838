"""A worker that comes to a backlog of ten million samples while live ones go on: memory, rate, and order of scores."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer

from benchmarks.speed.bench import PARTITIONS, Bench, Lane
from benchmarks.speed.drain import DEADLINE_S, wait_for
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.worker import MeasuredWorker
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

ENTITIES: Final = 1000
BACKLOG: Final = 10_000_000
QUICK_BACKLOG: Final = 240_000
LIVE_TICKS: Final = 20
RUNS: Final = 3
GROWTH: Final = 1.1
"""Peak of the second half over that of the first that passes for bounded."""


class CaughtUp(NamedTuple):
    """One run: samples of backlog and behind it, samples a second, the most memory, its peak in the second half over
    that in the first, and how many of so many scores were wrong."""

    backlog: int
    live: int
    rate: float
    peak_bytes: int
    growth: float
    wrong: int
    scores: int


def measure(bench: Bench) -> list[Figure]:
    """Three runs, since ten million samples take minutes: their medians, and how far apart they were."""
    runs = [_run(bench) for _ in range(min(RUNS, bench.runs))]
    rates, peaks = [run.rate for run in runs], [run.peak_bytes / 1e6 for run in runs]
    said = f"median of {len(runs)} runs"
    return [
        Figure(
            f"catch-up of {runs[0].backlog:,} samples, {runs[0].live:,} live ones behind",
            median(rates),
            "samples/s",
            note=f"{said}, {min(rates):,.0f} to {max(rates):,.0f}; from the first durable sample on",
        ),
        Figure(
            "catch-up, resident memory at its peak",
            median(peaks),
            "MB",
            note=f"{said}, {min(peaks):,.0f} to {max(peaks):,.0f}; looked at every 50 ms",
        ),
        Figure(
            "catch-up, peak of the second half over the first",
            median(run.growth for run in runs),
            "x",
            GROWTH,
            at_most=True,
            note=f"{said}, at most {max(run.growth for run in runs):.2f}; halves of its time",
        ),
        Figure(
            "catch-up, scores missing, repeated or out of order",
            sum(run.wrong for run in runs),
            "scores",
            0,
            at_most=True,
            note=f"of {sum(run.scores for run in runs):,} whole ticks in {len(runs)} runs",
        ),
    ]


def _run(bench: Bench) -> CaughtUp:
    ticks = (bench.backlog or bench.size(BACKLOG, QUICK_BACKLOG)) // (ENTITIES * len(METRICS))
    backlog = Workload(ENTITIES, ticks, int(time.time()) - ticks - 60)
    whole = replace(backlog, ticks=ticks + LIVE_TICKS)
    with bench.lane() as lane:
        bench.say(f"publishing {len(backlog):,} samples")
        asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, backlog))
        bench.say("draining, and publishing live ones behind them")
        seconds, memory = _drain(lane, whole, backlog.ticks)
        bench.say("reading the scores")
        wrong = asyncio.run(_wrong_scores(lane, whole))
    half = len(memory) // 2
    return CaughtUp(
        backlog=len(backlog),
        live=len(whole) - len(backlog),
        rate=len(whole) / seconds,
        peak_bytes=max(memory),
        growth=max(memory[half:]) / max(memory[:half]),
        wrong=wrong,
        scores=whole.entities * (whole.ticks - 1),
    )


def _drain(lane: Lane, whole: Workload, first_live: int) -> tuple[float, list[int]]:
    """Seconds from the first durable sample to the last, and resident bytes over that time."""
    last = whole.last_offsets(PARTITIONS)
    memory: list[int] = []
    with MeasuredWorker(lane.environment) as worker:
        worker.until_logged()
        wait_for(lambda: lane.progress.samples() > 0, worker, DEADLINE_S)
        began = time.perf_counter()
        topic = lane.topic(Topic.METRICS)
        ticks = publish(lane.settings.kafka, topic, PARTITIONS, whole, first_live, pause_s=1.0)
        live = threading.Thread(target=asyncio.run, args=(ticks,), daemon=True)
        live.start()

        def done() -> bool:
            memory.append(worker.resident_bytes())
            return lane.progress.reached(last)

        wait_for(done, worker, DEADLINE_S)
        live.join()
        return time.perf_counter() - began, memory


class _Score(msgspec.Struct):
    id: str


async def _wrong_scores(lane: Lane, whole: Workload) -> int:
    """Scores that are missing, repeated or not in the order of their ticks; the open tick of each entity has none."""
    decoder = msgspec.json.Decoder(_Score)
    ticks: dict[str, list[int]] = {}
    consumer = AIOKafkaConsumer(
        lane.topic(Topic.SCORES),
        bootstrap_servers=lane.settings.kafka,
        group_id=None,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    entity, _, tick_ns = decoder.decode(record.value).id.rpartition("@")
                    ticks.setdefault(entity, []).append(int(tick_ns) // 1_000_000_000 - whole.start_s)
    finally:
        await consumer.stop()
    missing = (whole.entities - len(ticks)) * (whole.ticks - 1)
    return missing + sum(_wrong(seen, whole.ticks - 1) for seen in ticks.values())


def _wrong(seen: Iterable[int], expected: int) -> int:
    """Of one entity's ticks, as they came; the newest may still be open.

    >>> _wrong([0, 1, 2], 3), _wrong([0, 2, 1, 1], 3)
    (0, 2)
    """
    seen = list(seen)
    disordered = sum(after <= before for before, after in pairwise(seen))
    return disordered + len(set(range(expected)) - set(seen))
