"""What a worker writes in PostgreSQL: by SLOs, minutes and micro-batches, not by samples."""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

import psycopg2

from benchmarks.speed.bench import PARTITIONS, Bench, Lane
from benchmarks.speed.drain import drain
from benchmarks.speed.figures import Figure, median
from benchmarks.speed.workload import METRICS, Workload, publish
from models.names import Topic

TICKS: Final = 60
FEW: Final = 125
MANY: Final = 1000
STATISTICS_S: Final = 2.0
"""A session tells its statistics when it ends, at the latest; the server takes a moment to add them."""


class Written(NamedTuple):
    """Rows inserted, updated and deleted, and bytes of the write-ahead log."""

    rows: int
    log_bytes: int


def measure(bench: Bench) -> list[Figure]:
    """The same minute of the same SLOs, from eight times as many entities."""
    runs = [(_written(bench, FEW), _written(bench, MANY)) for _ in range(bench.runs)]
    rows_few, rows_many = median(few.rows for few, _ in runs), median(many.rows for _, many in runs)
    log_bytes = median(many.log_bytes for _, many in runs)
    samples = MANY * len(METRICS) * TICKS
    note = f"a backlog of {TICKS} ticks of {FEW} and of {MANY:,} entities, 10 SLOs, {PARTITIONS} partitions"
    return [
        Figure(f"PostgreSQL, rows written for {samples // 8:,} samples", rows_few, "rows", note=note),
        Figure(f"PostgreSQL, rows written for {samples:,} samples", rows_many, "rows", note=note),
        Figure("PostgreSQL, log written a sample", log_bytes / samples, "bytes", note=note),
    ]


def _written(bench: Bench, entities: int) -> Written:
    minute_s = int(time.time()) // 60 * 60 - 120
    workload = Workload(entities, TICKS, minute_s)
    with bench.lane() as lane:
        asyncio.run(publish(lane.settings.kafka, lane.topic(Topic.METRICS), PARTITIONS, workload))
        before = _counters(lane)
        drain(lane, workload)
        time.sleep(STATISTICS_S)
        after = _counters(lane)
    return Written(*(new - old for new, old in zip(after, before, strict=True)))


def _counters(lane: Lane) -> Written:
    connection = psycopg2.connect(lane.settings.database_url.get_secret_value())
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables),"
                " pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
            )
            row = cursor.fetchone()
            if row is None:
                raise RuntimeError("PostgreSQL has no statistics")
            return Written(*(int(value) for value in row))
    finally:
        connection.close()
