"""A threshold that feedback moved: taken up by a running worker, and known to the replay after it was killed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from infra.alerting.feedback import mark_missed
from infra.kafka.admin import create_topics
from infra.store import feedback
from infra.store.database import Database
from models.alerting.feedback import Mark, Verdict
from models.names import Topic
from tests.integration.faust_app import produce
from tests.integration.known_samples import KnownStream, apply_slo, environment_of, stored_minutes
from tests.integration.watch.test_exactly_once import assert_repeats_are_equal, flow, settings_of, until_counted
from tests.integration.worker_process import WorkerProcess

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


async def test_a_running_worker_takes_it_up_and_scores_the_same_after_kill_9(
    kafka: str, topic_prefix: str, postgres_url: str, database: Database, tmp_path: Path
) -> None:
    # no snapshot (its first one is due at a random moment of the interval): the replay goes over the change
    settings = settings_of(kafka, topic_prefix, postgres_url, tmp_path, snapshot_every_s=1e9)
    await create_topics(settings)
    apply_slo(database)
    stream = KnownStream(500, start_s=int(time.time()) - 500)
    with WorkerProcess(tmp_path, "ingest,watch", environment_of(settings)) as worker:
        first = len(stream.records) // 5
        await produce(kafka, settings.topic(Topic.METRICS), stream.records[:first])
        await until_counted(database, 0.2 * stream.n_counted, worker)  # it runs, whatever the machine is doing
        flowing = asyncio.create_task(flow(kafka, settings, stream.records[first:], seconds=15.0))
        now_ns = time.time_ns()
        missed = Mark(0, Verdict.MISSED, "shop", "", "", now_ns - 10**12, now_ns - 10**9)
        with database.transaction() as cursor:
            mark_missed(cursor, missed, note="", marked_by="test", now_ns=now_ns)
            wanted = feedback.thresholds(cursor)["shop"]
        while not (changes := recorded(database)):
            assert worker.alive
            await asyncio.sleep(0.05)
        assert {factor for _, factor in changes} == {wanted}
        await until_counted(database, 0.6 * stream.n_counted, worker)
        worker.kill()
        worker.start()
        await flowing
        await until_counted(database, stream.n_counted, worker)
        assert worker.stop() == 0
    assert stored_minutes(database) == stream.slo_minutes()
    await assert_repeats_are_equal(kafka, settings)
    assert changes <= recorded(database), "the replay changed it where it had been changed, and nowhere else"
    assert len({partition for partition, _ in recorded(database)}) == len(recorded(database))


def recorded(database: Database) -> set[tuple[int, float]]:
    """Partition and factor of every recorded change."""
    with database.transaction() as cursor:
        cursor.execute("SELECT partition, factor FROM threshold_change")
        return {(partition, factor) for partition, factor in cursor.fetchall()}
