"""MLflow down while the stack runs: the stream goes on, a training waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from infra.kafka.admin import create_topics
from infra.local.stack import Stack
from infra.settings import Settings, load
from infra.store.database import Database
from models.names import Topic
from tests.integration.faust_app import produce, read_all
from tests.integration.known_samples import KnownStream, apply_slo, assert_known, stored_minutes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
AWAY = 'tidewatch_dependency_up{dependency="mlflow"} 0.0'
SERVED = 'tidewatch_model_info{service="shop",version="1"} 1.0'
TICKS = 400


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; not under pytest's own folders, which are closed to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="tidewatch-stack-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def until(holds: Callable[[], bool], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)


def publish(settings: Settings, stream: KnownStream) -> None:
    asyncio.run(produce(settings.kafka, settings.topic(Topic.METRICS), stream.records))


def counted(database: Database) -> float:
    return sum(total for _, total in stored_minutes(database).values())


def one(database: Database, statement: str) -> str | None:
    with database.transaction() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return str(row[0]) if row else None


def test_while_mlflow_is_away_scoring_goes_on_and_a_training_waits_for_it(home: Path) -> None:
    begin_s = int(time.time()) - TICKS - 60
    before = KnownStream(TICKS, begin_s, n_entities=4)
    after = KnownStream(10, begin_s + TICKS, n_entities=4, seed=8, first_incident=TICKS)
    with Stack(home, print) as stack:
        stack.start(
            services=("alertmanager", "postgres", "kafka", "mlflow"),
            workers={"stream": "ingest,watch,notify,trainer"},
            worker_settings={"training_min_rows": "120", "lake_flush_s": "0.5", "retrain_cooldown_s": "0"},
        )
        stack.hold("mlflow")
        settings = load(home=home)
        asyncio.run(create_topics(settings))
        with closing(Database(settings.database_url.get_secret_value())) as database:
            apply_slo(database)
            publish(settings, before)
            until(lambda: counted(database) == before.n_counted)
            assert_known(database, before, settings.partitions)
            until(lambda: one(database, "SELECT id FROM training WHERE finished_at IS NULL") is not None)
            until(lambda: AWAY in httpx.get(stack.worker_urls[0]).text)
            assert one(database, "SELECT id FROM training WHERE outcome IS NOT NULL") is None

            stack.release("mlflow")
            until(lambda: one(database, "SELECT outcome FROM training WHERE outcome IS NOT NULL") == "promoted")
            until(lambda: SERVED in httpx.get(stack.worker_urls[0]).text)
            publish(settings, after)
            until(lambda: counted(database) == before.n_counted + after.n_counted)
            scored = asyncio.run(read_all(settings.kafka, settings.topic(Topic.SCORES)))
            assert {msgspec.json.decode(record.value)["model_version"] for record in scored} == {"", "1"}
