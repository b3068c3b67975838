"""River's drift detectors and ours, on values, residuals and scores, beside one that always fires.

Ten kinds of quiet streams of a single metric (`quiet_streams`), four weeks of five minutes, as they are and with three
changes that last: the level moves, the noise grows, the level moves back. A change is found when a detector fires
within a day and a half of it; fires outside of that are false. What fires all the time finds everything: precision and
the fires on the quiet streams say what that is worth.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.quality import product
from benchmarks.quality.quiet_streams import quiet
from benchmarks.quality.runs import run_all
from benchmarks.quality.tables import markdown
from models.drift.bank import DriftBank
from models.pipeline.config import PipelineConfig
from models.series import EntityRule

Floats = NDArray[np.float64]

BASES = (
    "gaussian",
    "student t, 3 degrees of freedom",
    "autoregression .95",
    "Poisson counts",
    "daily shape",
    "weekly shape",
    "bursts",
    "two levels",
    "noise of changing size",
    "slow wander",
)
EVERY = 5
"""Of the quiet streams' minutes."""

CHANGES = (3000, 4700, 6400)
"""Rows: the level moves by `MOVED` deviations, noise grows by `NOISIER` of them, the level moves back."""

MOVED, NOISIER = 5.0, 2.0

TOLERANCE = 432
"""Rows after a change in which it can be found: a day and a half."""

WARM_ROWS = 500
"""Rows that say what a deviation is; nothing fires in them."""

ROWS_A_WEEK = 7 * 288
INPUTS = ("values", "residuals", "scores")
SEED = 3


@dataclass(frozen=True, slots=True)
class Fired:
    """One detector on one input of one stream: rows at which it fired, and what an update cost."""

    at: list[int]
    us: float


Watch = Callable[[Floats], list[int]]
"""Rows at which a detector fires, of standardised values."""


def drift(chosen: argparse.Namespace) -> dict[str, Any]:
    """The section: a row per input and detector."""
    tasks = {f"{name}, {what}": (name, what == "changed") for name in BASES for what in ("quiet", "changed")}
    fired = run_all(tasks, watch_all, chosen.jobs)
    rows = [
        _row(
            source,
            detector,
            [fired[f"{name}, changed"][source, detector] for name in BASES],
            [fired[f"{name}, quiet"][source, detector] for name in BASES],
        )
        for source in INPUTS
        for detector in DETECTORS
    ]
    columns = {
        "input": "input",
        "detector": "detector",
        "found": "changes found",
        "precision": "precision",
        "f1": "F1",
        "median_delay_rows": "median delay, rows",
        "false_a_week": "fires a week where nothing changes",
        "us": "us",
    }
    print(f"\nDrift, {len(BASES) * len(CHANGES)} changes\n\n{markdown(rows, columns)}", flush=True)
    return {"rows": rows}


def _row(source: str, detector: str, changed: list[Fired], quiet_ones: list[Fired]) -> dict[str, Any]:
    delays = [delay for one in changed for delay in delays_of(one.at)]
    false = sum(len([at for at in one.at if not _explained(at)]) for one in changed)
    possible = len(BASES) * len(CHANGES)
    precision = len(delays) / (len(delays) + false) if delays else 0.0
    recall = len(delays) / possible
    weeks = len(BASES) * (28 * 1440 // EVERY - WARM_ROWS) / ROWS_A_WEEK
    return {
        "input": source,
        "detector": detector,
        "found": recall,
        "precision": precision,
        "f1": 2 * precision * recall / (precision + recall) if delays else 0.0,
        "median_delay_rows": statistics.median(delays) if delays else float("nan"),
        "false_a_week": sum(len(one.at) for one in quiet_ones) / weeks,
        "us": statistics.median(one.us for one in (*changed, *quiet_ones)),
    }


def delays_of(at: list[int]) -> list[int]:
    """Rows from each change that was found to the first fire within the tolerance."""
    within = [[row - change for row in at if 0 <= row - change < TOLERANCE] for change in CHANGES]
    return [min(found) for found in within if found]


def _explained(row: int) -> bool:
    return any(0 <= row - change < TOLERANCE for change in CHANGES)


def watch_all(task: tuple[str, bool]) -> Mapping[tuple[str, str], Fired]:
    """Every detector on every input of one stream."""
    inputs = _inputs(*task)
    found = {}
    for source, values in inputs.items():
        warm = values[:WARM_ROWS]
        z = (values - warm.mean()) / max(float(warm.std()), 1e-9)
        for name, watch in DETECTORS.items():
            began = time.process_time()
            at = watch(z[WARM_ROWS:])
            found[source, name] = Fired(
                [WARM_ROWS + row for row in at], (time.process_time() - began) / len(z[WARM_ROWS:]) * 1e6
            )
    return found


def _inputs(base: str, changes: bool) -> dict[str, Floats]:
    """The stream's values, their residuals to the band that the product tells, and its scores."""
    made = quiet(base, SEED)
    values = made.columns["value"][::EVERY].copy()
    time_ns = (made.time_s[::EVERY] * 1e9).astype(np.int64)
    if changes:
        deviation = float(values.std())
        values[CHANGES[0] : CHANGES[2]] += MOVED * deviation
        noise = np.random.default_rng(SEED).standard_normal(len(values) - CHANGES[1])
        values[CHANGES[1] :] += NOISIER * deviation * noise
    with tempfile.TemporaryDirectory(prefix="tidewatch-drift-") as folder:
        path = Path(folder) / "drift.parquet"
        pq.write_table(pa.table({"timestamp": pa.array(time_ns, pa.timestamp("ns", "UTC")), "value": values}), path)
        played = product.play(path, None)
    middle, half = 0.5 * (played.low + played.high), np.maximum(0.5 * (played.high - played.low), 1e-9)
    residual = np.nan_to_num((played.value - middle) / half)
    return {
        "values": values,
        "residuals": played.at(time_ns, residual, 0.0),
        "scores": played.at(time_ns, played.score, 0.0),
    }


def _always(z: Floats) -> list[int]:
    """Fires as often as it takes to find everything."""
    return list(range(0, len(z), TOLERANCE // 2))


def _adwin(z: Floats) -> list[int]:
    from river.drift import ADWIN

    return _river(ADWIN(), z)


def _page_hinkley(z: Floats) -> list[int]:
    from river.drift import PageHinkley

    return _river(PageHinkley(), z)


def _kswin(z: Floats) -> list[int]:
    from river.drift import KSWIN

    return _river(KSWIN(seed=SEED), z)


def _river(detector: Any, z: Floats) -> list[int]:
    """Rows at which one of River's detectors, with its defaults, says that something has changed."""
    fired = []
    for row, value in enumerate(z.tolist()):
        detector.update(value)
        if detector.drift_detected:
            fired.append(row)
    return fired


def _shipped(z: Floats) -> list[int]:
    """Ours: ADWIN's detections that last and lead beyond what has been."""
    config = PipelineConfig(EntityRule((), (), "drift"))
    bank = DriftBank(config.drift_delta, config.drift_confirm_rows, config.drift_min_effect)
    return [hit.index for hit in bank.update(np.zeros(len(z), np.int32), z)]


DETECTORS: Mapping[str, Watch] = {
    "always fires": _always,
    "ADWIN": _adwin,
    "Page-Hinkley": _page_hinkley,
    "KSWIN": _kswin,
    "tidewatch": _shipped,
}
