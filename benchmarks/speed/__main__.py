"""`python -m benchmarks.speed [--samples N] [--entities N] [--runs N]`: prints a table, leaves JSON beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.speed.worker_run import Drained, drain
from benchmarks.speed.workload import publish, records
from infra.kafka_admin import create_topics_blocking
from infra.local.kafka import Kafka
from infra.local.postgres import Postgres
from infra.settings import Settings
from models.names import Topic

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
PARTITIONS = 4
GOAL_OF_RAW = 0.25
"""Of what the raw consumer does, per CPU-second."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--samples", type=int, default=400_000)
    parser.add_argument("--entities", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="tidewatch-bench-"))
    home.chmod(0o711)   # PostgreSQL's user must get through
    kafka = Kafka(home, ROOT / ".tidewatch" / "cache", print, wanted_port=0).start()
    try:
        postgres = Postgres(home, print, wanted_port=0).start()
        try:
            rows = measure(kafka, postgres, home, chosen)
        finally:
            postgres.stop()
    finally:
        kafka.stop()
        shutil.rmtree(home, ignore_errors=True)
    report(rows, " ".join(["python -m benchmarks.speed", *arguments]))
    return 0


def measure(kafka: Kafka, postgres: Postgres, home: Path, chosen: argparse.Namespace) -> list[dict[str, object]]:
    """Medians over runs in which both read the very same topic, one after the other."""
    n_samples, n_entities = chosen.samples, chosen.entities
    raw: list[tuple[float, float]] = []
    whole: list[Drained] = []
    for run in range(chosen.runs):
        prefix, database = f"bench{run}-", f"bench{run}"
        postgres.create_database(database)
        settings = Settings(
            kafka=kafka.address, database_url=postgres.url(database), topic_prefix=prefix, group=f"{prefix}group",
            partitions=PARTITIONS, home=home / prefix,
        )  # fmt: skip
        create_topics_blocking(settings)
        topic = settings.topic(Topic.METRICS)
        start_s = int(time.time()) - n_samples // (8 * n_entities) - 1
        asyncio.run(publish(kafka.address, topic, PARTITIONS, records(n_samples, n_entities, start_s)))
        raw.append(_raw(kafka.address, topic, n_samples))
        whole.append(drain(_environment(settings), n_samples))
    raw_cpu = statistics.median(n_samples / cpu for _, cpu in raw)
    whole_cpu = statistics.median(w.samples / w.cpu_s for w in whole)
    return [
        _row("raw aiokafka + orjson", statistics.median(n_samples / wall for wall, _ in raw), "samples/s"),
        _row("raw aiokafka + orjson, per CPU-second", raw_cpu, "samples/CPU-s"),
        _row("whole path, one worker", statistics.median(w.samples / w.wall_s for w in whole), "samples/s"),
        _row("whole path, one worker, per CPU-second", whole_cpu, "samples/CPU-s"),
        _row("whole path of raw, per CPU-second", whole_cpu / raw_cpu, "ratio", GOAL_OF_RAW),
        _row("resident memory of the worker", statistics.median(w.resident_bytes for w in whole) / 2**20, "MiB"),
    ]


def _raw(servers: str, topic: str, n_samples: int) -> tuple[float, float]:
    """In a process of its own, as the worker is."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.raw_consumer", servers, topic, str(PARTITIONS), str(n_samples)],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "TIDEWATCH_KAFKA": settings.kafka,
        "TIDEWATCH_DATABASE_URL": settings.database_url.get_secret_value(),
        "TIDEWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "TIDEWATCH_GROUP": settings.group,
        "TIDEWATCH_HOME": str(settings.home),
        "TIDEWATCH_PARTITIONS": str(settings.partitions),
    }


def _row(name: str, value: float, unit: str, goal: float | None = None) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "met": None if goal is None else value >= goal}


def report(rows: list[dict[str, object]], command: str) -> None:
    """Print the table and write it as JSON."""
    for row in rows:
        print(f"{row['name']:<45} {row['value']:>12,.2f} {row['unit']:<14} goal {row['goal'] or '-'}")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rows": [{**row, "command": command} for row in rows],
    }
    RESULTS.write_text(json.dumps(body, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
