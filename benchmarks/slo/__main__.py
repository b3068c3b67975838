"""`python -m benchmarks.slo [--slos N ...] [--days N ...] [--plans FILE] [--workbook]`: prints tables."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.slo.filled import NOW_S, fill
from benchmarks.slo.plans import counts, document
from benchmarks.slo.workbook import table
from infra.local.services.postgres import Postgres
from infra.slo.evaluate import SloEvaluator
from infra.slo.views import read_views
from infra.store import watch
from infra.store.database import Database
from infra.store.slo import definitions as slos
from models.alerting.alert import Links
from models.slo.telemetry import Telemetry

RUNS = 5
GOAL_S = 1.0
GOAL_SLOS = 1000
EVERY_MINUTE_UP_TO = 1000
"""More SLOs get the minutes that windows read at the measured moment, and the hours around them; filling in the rest
takes an hour and changes nothing that is read."""


class Timing(NamedTuple):
    """Medians in seconds: reading every window, the whole evaluation, and the first one of a new worker."""

    slos: int
    days: int
    read_s: float
    evaluation_s: float
    first_s: float


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slo", description=__doc__)
    parser.add_argument("--slos", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--days", type=int, nargs="+", default=[35, 400], help="ages of the counts")
    parser.add_argument("--plans", type=Path, help="write every query with its plan to this file")
    parser.add_argument("--workbook", action="store_true", help="only print the workbook's table, measured")
    chosen = parser.parse_args(arguments)
    if chosen.workbook:
        print("\n".join(table()))
        return 0
    home = Path(tempfile.mkdtemp(prefix="tidewatch-bench-"))
    home.chmod(0o711)  # PostgreSQL's user must get through
    postgres = Postgres(home, print, wanted_port=0, settings={"max_wal_size": "4GB"}).start()
    try:
        print("| SLOs | days counted | all windows read | one evaluation | the first of a worker |")
        print("| ---: | ---: | ---: | ---: | ---: |")
        for n_slos in chosen.slos:
            for days in chosen.days:
                with filled(postgres, n_slos, days) as database:
                    told = measure(database, n_slos, days)
                    goal = f" (goal {GOAL_S:g} s)" if n_slos == GOAL_SLOS else ""
                    cells = f"{told.read_s:.2f} s | {told.evaluation_s:.2f} s{goal} | {told.first_s:.2f} s"
                    print(f"| {n_slos:,} | {days} | {cells} |", flush=True)
                    if chosen.plans is not None and n_slos == chosen.slos[0] and days == chosen.days[0]:
                        chosen.plans.write_text(document(database, n_slos))
    finally:
        postgres.stop()
        shutil.rmtree(home, ignore_errors=True)
    return 0


@contextmanager
def filled(postgres: Postgres, n_slos: int, days: int) -> Iterator[Database]:
    """A database of its own with so many SLOs and so many days."""
    name = f"slos_{n_slos}_{days}"
    postgres.create_database(name)
    database = Database(postgres.url(name))
    try:
        database.migrate()
        fill(database, n_slos, days, every_minute=n_slos <= EVERY_MINUTE_UP_TO)
        yield database
    finally:
        database.close()
        postgres.drop_database(name)


def measure(database: Database, n_slos: int, days: int) -> Timing:
    """Evaluations ten seconds apart, between which every SLO counts events."""
    evaluator = SloEvaluator(database, Links("", ""), time.monotonic)
    first_s = _seconds(lambda: evaluator.evaluate(NOW_S * 1_000_000_000))
    evaluations, reads = [], []
    for run in range(RUNS):
        now_s = NOW_S + run
        with database.transaction() as cursor:
            watch.add_slo_counts(cursor, counts(list(range(1, n_slos + 1)), now_s, good=20.0 - run % 2))
        evaluations.append(_seconds(lambda: evaluator.evaluate(int(now_s * 1e9))))  # noqa: B023 - called at once
        with database.transaction() as cursor:
            stored = slos.load(cursor).slos
            reads.append(_seconds(lambda: read_views(cursor, stored, {}, now_s, Telemetry())))  # noqa: B023
    return Timing(n_slos, days, statistics.median(reads), statistics.median(evaluations), first_s)


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
