"""How often the metric that was tampered with is named first, on simulated faults.

Two kinds of entities: an instance of the simulated service, whose metrics drive one another, and wide ones of 38
metrics of which 20 stand still, with a fault in a single metric. Asked of the row with the highest score during the
fault.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
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
from models.synthetic.incidents import DEFAULT_MAGNITUDE, Incident, IncidentKind
from models.synthetic.services import METRICS, ServiceProfile, Simulation

WIDE = "38 metrics, 20 dead"
SERVICE = "simulated service"
SEEDS = (1, 2, 3)
FIRST_ROW, EVERY_ROWS, LASTS_ROWS = 3 * 1440, 181, 15
"""Faults of a quarter of an hour, one in three hours (and a minute, so that the hour of day moves), from the fourth day
on."""

DAYS = 7
FAULTY_METRIC: Mapping[IncidentKind, str] = {
    IncidentKind.LATENCY: "latency_ms",
    IncidentKind.ERRORS: "errors_total",
    IncidentKind.CPU: "cpu_ratio",
    IncidentKind.MEMORY_LEAK: "memory_ratio",
    IncidentKind.TRAFFIC_DROP: "requests_total",
}
SHAPES = ("spike", "shift", "drop to zero", "noise")
SIZE = 6.0
"""Deviations of the metric that a fault is large."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows `first` to `first + LASTS_ROWS`, and the metric that is to be named."""

    first: int
    metric: str
    kind: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """An entity with faults: `values` float64 `(n, k)` of metrics `names`, a row a minute from `start_ns` on."""

    kind: str
    start_ns: int
    names: tuple[str, ...]
    values: NDArray[np.float64]
    faults: tuple[Fault, ...]


def attribution(chosen: argparse.Namespace) -> dict[str, Any]:
    """The section: share of faults whose metric is named first, of all and of those that reach the threshold."""
    tasks = {f"{kind}, seed {seed}": (kind, seed) for kind in (WIDE, SERVICE) for seed in SEEDS}
    named = run_all(tasks, _named, chosen.jobs)
    rows = []
    for kind in (WIDE, SERVICE):
        found = [one for seed in SEEDS for one in named[f"{kind}, seed {seed}"]]
        for shape in [*dict.fromkeys(fault.kind for fault, _, _ in found), "all"]:
            mine = [(right, score) for fault, right, score in found if shape in (fault.kind, "all")]
            alerting = [right for right, score in mine if score >= 1.0]
            rows.append(
                {
                    "entities": kind,
                    "fault": shape,
                    "faults": len(mine),
                    "first": float(np.mean([right for right, _ in mine])),
                    "alerting": len(alerting),
                    "first_alerting": float(np.mean(alerting)) if alerting else float("nan"),
                }
            )
    columns = {
        "entities": "entities",
        "fault": "fault",
        "faults": "faults",
        "first": "named first",
        "alerting": "reach the threshold",
        "first_alerting": "of these named first",
    }
    print(f"\nAttribution on simulated faults\n\n{markdown(rows, columns)}", flush=True)
    return {"rows": rows}


def _named(task: tuple[str, int]) -> list[tuple[Fault, bool, float]]:
    """Each fault, whether its metric was named first, and the highest score during it."""
    kind, seed = task
    entity = _wide(seed) if kind == WIDE else _service(seed)
    time_ns = entity.start_ns + 60_000_000_000 * np.arange(len(entity.values), dtype=np.int64)
    with tempfile.TemporaryDirectory(prefix="tidewatch-faults-") as folder:
        path = Path(folder) / "faulty.parquet"
        columns: dict[str, Any] = {"timestamp": pa.array(time_ns, pa.timestamp("ns", "UTC"))}
        pq.write_table(pa.table(columns | {n: entity.values[:, i] for i, n in enumerate(entity.names)}), path)
        played = product.play(path, None)
    results = []
    for fault in entity.faults:
        during = np.flatnonzero(
            (played.time_ns >= time_ns[fault.first]) & (played.time_ns < time_ns[fault.first + LASTS_ROWS])
        )
        peak = during[np.argmax(played.score[during])]
        results.append((fault, played.cause[peak] == fault.metric, float(played.score[peak])))
    return results


def _wide(seed: int) -> Faulty:
    made = quiet(WIDE, seed)
    rows = DAYS * 1440
    names = tuple(made.columns)
    values = np.column_stack([column[:rows] for column in made.columns.values()])
    rng = np.random.default_rng([seed, 99])
    alive = np.flatnonzero(values.std(axis=0) > 0)
    deviation = values.std(axis=0)
    faults = []
    for number, first in enumerate(range(FIRST_ROW, rows - LASTS_ROWS, EVERY_ROWS)):
        metric, shape = int(rng.choice(alive)), SHAPES[number % len(SHAPES)]
        during = slice(first, first + LASTS_ROWS)
        if shape == "spike":
            values[first, metric] += SIZE * deviation[metric]
        elif shape == "shift":
            values[during, metric] += SIZE * deviation[metric]
        elif shape == "drop to zero":
            values[during, metric] = 0.0
        else:
            values[during, metric] += SIZE * deviation[metric] * rng.standard_normal(LASTS_ROWS)
        faults.append(Fault(first, names[metric], shape))
    return Faulty(WIDE, int(made.time_s[0] * 1e9), names, values, tuple(faults))


def _service(seed: int) -> Faulty:
    rows = DAYS * 1440
    start_ns = int(quiet(WIDE, seed).time_s[0] * 1e9)
    faults, incidents = [], []
    for number, first in enumerate(range(FIRST_ROW, rows - LASTS_ROWS, EVERY_ROWS)):
        kind = list(FAULTY_METRIC)[number % len(FAULTY_METRIC)]
        incidents.append(Incident("checkout", kind, first * 60.0, LASTS_ROWS * 60.0, DEFAULT_MAGNITUDE[kind]))
        faults.append(Fault(first, FAULTY_METRIC[kind], kind.value))
    profile = ServiceProfile("checkout", 1, 80.0, 80.0, 0.55, 0.001)
    simulation = Simulation([profile], seed=seed, start_ns=start_ns, interval_s=60.0, incidents=incidents)
    return Faulty(SERVICE, start_ns, METRICS, simulation.block(rows).values, tuple(faults))
