"""How old a score is when it can be read, and an anomaly when Alertmanager has taken its alert, at 20,000 samples/s.

Event times are the moments of publication, so a score's age is the time of its arrival minus its tick, and an alert's
the time of its acceptance minus the first row that its episode calls anomalous. (At one second a single odd row is
none, the median of three counts, so that row comes a second after the first odd sample.)
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer

from benchmarks.speed.alert_watch import AlertWatch
from benchmarks.speed.bench import Bench, Lane
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.record import ROOT
from benchmarks.speed.worker import MeasuredWorker
from benchmarks.speed.workload import METRICS
from infra.local.services.alertmanager import AlertmanagerService
from models.names import Topic

RATE: Final = 20_000
WARM_TICKS: Final = 40
"""An entity must have thirty rows before an episode may open."""
WINDOW_S: Final = 10
AFTER_S: Final = 5.0
"""How long the last alerts may take."""
SCORE_P50_MS: Final = 250.0
SCORE_P99_MS: Final = 1000.0
ALERT_P99_MS: Final = 2000.0
KEPT: Final = 0.99
"""Share of the rate that the publisher must have kept for the figures to mean what they say."""


class _Score(msgspec.Struct):
    id: str


class ScoreReader(threading.Thread):
    """Reads `scores` as it grows; `seen` is (seconds since the epoch, age in seconds) of every score."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(daemon=True)
        self.seen: list[tuple[float, float]] = []
        self.end = threading.Event()
        self._lane = lane

    def run(self) -> None:
        asyncio.run(self._read())

    async def _read(self) -> None:
        decoder = msgspec.json.Decoder(_Score)
        consumer = AIOKafkaConsumer(
            self._lane.topic(Topic.SCORES),
            bootstrap_servers=self._lane.settings.kafka,
            group_id=None,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            while not self.end.is_set():
                fetched = await consumer.getmany(timeout_ms=100)
                now_s = time.time()
                for records in fetched.values():
                    for record in records:
                        tick_ns = int(decoder.decode(record.value).id.rpartition("@")[2])
                        self.seen.append((now_s, now_s - tick_ns / 1e9))
        finally:
            await consumer.stop()


def measure(bench: Bench) -> list[Figure]:
    """Percentiles in windows of ten seconds, and over all alerts."""
    rate, windows = bench.size(RATE, 4000), bench.runs
    entities = rate // len(METRICS)
    alertmanager = AlertmanagerService(bench.home, wanted_port=0).start()
    try:
        with closing(AlertWatch(alertmanager.url)) as watch, bench.lane(alertmanager_url=watch.url) as lane:
            reader = ScoreReader(lane)
            with (
                MeasuredWorker(lane.environment) as stream,
                MeasuredWorker(lane.environment, "slo-clock,notify") as control,
            ):
                stream.until_logged()
                control.until_logged()
                reader.start()
                began = time.time()
                kept = _publish(lane, entities, WARM_TICKS + windows * WINDOW_S)
                time.sleep(AFTER_S)
                reader.end.set()
                reader.join()
        scores = _score_ages_ms(reader.seen, began + WARM_TICKS, windows)
        alerts = _alert_ages_ms(watch.accepted)
    finally:
        alertmanager.stop()
    pace = f"{kept:,.0f} samples/s were kept" + ("" if kept >= KEPT * rate else ", too few for the figure to count")
    windowed, single = f"{pace}; median of {windows} windows of {WINDOW_S} s", f"{pace}; {len(watch.accepted)} alerts"
    score, alert = "event published → score readable", "event → alert accepted by Alertmanager"
    about = f"at {rate:,} samples/s"
    return [
        Figure(f"{score}, p50, {about}", scores[0], "ms", SCORE_P50_MS, at_most=True, note=windowed),
        Figure(f"{score}, p99, {about}", scores[1], "ms", SCORE_P99_MS, at_most=True, note=windowed),
        Figure(f"{alert}, p50, {about}", alerts[0], "ms", note=single),
        Figure(f"{alert}, p99, {about}", alerts[1], "ms", ALERT_P99_MS, at_most=True, note=single),
    ]


def _publish(lane: Lane, entities: int, ticks: int) -> float:
    """Samples a second that were kept."""
    arguments = [lane.settings.kafka, lane.topic(Topic.METRICS), str(entities), str(ticks), str(WARM_TICKS)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.steady", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the publisher ended with {done.returncode}: {done.stderr[-1000:]}")
    return float(json.loads(done.stdout)["rate"])


def _score_ages_ms(seen: Sequence[tuple[float, float]], began_s: float, windows: int) -> tuple[float, float]:
    """p50 and p99 of the scores' ages, each the median of the windows' own."""
    at_s, age_s = np.array(seen).reshape(-1, 2).T
    parts = [age_s[(at_s >= start) & (at_s < start + WINDOW_S)] for start in began_s + WINDOW_S * np.arange(windows)]
    if any(len(part) == 0 for part in parts):
        raise RuntimeError(f"a window of {WINDOW_S} s has no scores: the worker does not keep up")
    p50, p99 = (median(float(np.percentile(part, q)) * 1000 for part in parts) for q in (50, 99))
    return p50, p99


def _alert_ages_ms(accepted: Mapping[str, tuple[str, float]]) -> tuple[float, float]:
    """p50 and p99 of all alerts."""
    if not accepted:
        raise RuntimeError("Alertmanager got no alert")
    ages = [(at_s - datetime.fromisoformat(start).timestamp()) * 1000 for start, at_s in accepted.values()]
    return float(np.percentile(ages, 50)), float(np.percentile(ages, 99))
