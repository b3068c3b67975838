"""From a request to a served version, over a real PostgreSQL, a real MLflow store and the lake."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from agents.trainer.queue import TrainingQueue
from infra.kafka.admin import create_topics
from infra.lake.lake import LakeWriter
from infra.local.services.mlflow import Mlflow
from infra.local.services.postgres import Postgres
from infra.mlflow.model_cache import ModelFiles
from infra.mlflow.registry import Registry
from infra.settings import Settings
from infra.store import training as store
from infra.store.advisory_lock import AdvisoryLock
from infra.store.database import Database
from infra.training.messages import TrainingJob
from infra.training.process import TrainingCrashed, TrainingProcess
from models.errors import Unavailable
from models.names import Topic
from models.reasons import PromotionReason, RetrainReason
from models.records import ModelEvent, RetrainEvent, SampleColumns
from models.series import EntityRule
from models.timestamps import to_rfc3339
from tests.clock import ManualClock
from tests.integration.faust_app import produce
from tests.integration.known_samples import environment_of
from tests.integration.worker_process import WorkerProcess

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
]

SECOND_NS = 10**9
START_NS = 1_795_000_000 * SECOND_NS
SERVICE = "checkout"
MLFLOW_DATABASE = "mlflow_training_tests"


@pytest.fixture(scope="module")
def mlflow_url(postgres: Postgres, services_home: Path) -> Iterator[str]:
    """A real MLflow server on a real PostgreSQL."""
    postgres.create_database(MLFLOW_DATABASE)
    server = Mlflow(services_home / "mlflow", postgres.url(MLFLOW_DATABASE), wanted_port=0).start()
    yield server.url
    server.stop()


@pytest.fixture
def service(request: pytest.FixtureRequest) -> str:
    """A service that only this test has in the registry."""
    return f"{SERVICE}-{abs(hash(request.node.name)) % 10**9}"


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str, mlflow_url: str) -> Settings:
    return Settings(
        home=tmp_path, database_url=SecretStr(postgres_url), mlflow_url=mlflow_url, retrain_cooldown_s=600.0
    )


@pytest.fixture
def streaming(settings: Settings, kafka: str, topic_prefix: str) -> Settings:
    """The same with a broker."""
    return settings.model_copy(update={"kafka": kafka, "topic_prefix": topic_prefix, "group": f"{topic_prefix}group"})


def fill_lake(settings: Settings, service: str, seconds: range, *, level: float = 100.0) -> None:
    """Two instances, three metrics, a sample a second."""
    generator = np.random.default_rng(seconds.start)
    names = ("latency_ms", "load", "requests_total")
    ids = [f'{m}{{instance="{i}",service="{service}"}}' for i in ("a", "b") for m in names]
    n = len(seconds)
    load = level + 10.0 * generator.standard_normal((n, 2))
    latency = np.exp(3.0 + 0.3 * generator.standard_normal((n, 2))) * level / 100.0
    total = np.cumsum(np.abs(load), axis=0)
    values = np.stack([latency, load, total], axis=2).reshape(-1)
    times = np.repeat(START_NS + np.array(seconds, np.int64) * SECOND_NS, len(ids))
    columns = SampleColumns(ids, np.tile(np.arange(len(ids), dtype=np.int32), n), times, values)
    offsets: NDArray[np.int64] = np.arange(seconds.start * len(ids), seconds.stop * len(ids))
    rule = EntityRule(settings.service_labels, settings.instance_labels, settings.default_service)
    writer = LakeWriter(settings.lake_path, rule)
    writer.append(columns, "metrics:0", offsets)
    writer.flush()


def event(service: str, name: str, reason: RetrainReason, at_s: float, **evidence: int) -> RetrainEvent:
    at_ns = START_NS + int(at_s * SECOND_NS)
    return RetrainEvent(name, service, reason.value, dict(evidence), to_rfc3339(at_ns))


@pytest.fixture
def clock() -> ManualClock:
    """Wall clock of the queue."""
    return ManualClock(START_NS + 10_000 * SECOND_NS)


@pytest.fixture
def queue(settings: Settings, database: Database, clock: ManualClock) -> TrainingQueue:
    return TrainingQueue(settings, database, TrainingProcess(), lambda: None, registry=CollectorRegistry(), clock=clock)


def put(database: Database, *events: RetrainEvent) -> None:
    with database.transaction() as cursor:
        store.ask(cursor, events)


def outcomes(database: Database) -> dict[str, tuple[str | None, str | None]]:
    with database.transaction() as cursor:
        cursor.execute("SELECT id, outcome, version FROM training")
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}


def announced(database: Database) -> list[ModelEvent]:
    with database.transaction() as cursor:
        cursor.execute("SELECT value FROM outbox WHERE topic = 'models' ORDER BY id")
        return [msgspec.json.decode(bytes(row[0]), type=ModelEvent) for row in cursor.fetchall()]


def test_cold_start_then_drift_then_rollback(
    queue: TrainingQueue, settings: Settings, database: Database, clock: ManualClock, service: str
) -> None:
    fill_lake(settings, service, range(600))
    put(database, event(service, "cold", RetrainReason.COLD_START, 599))
    assert queue.turn()
    assert outcomes(database) == {"cold": ("promoted", "1")}
    with database.transaction() as cursor:
        cursor.execute("SELECT promotion_reason, detail FROM training")
        ((why, detail),) = cursor.fetchall()
    assert why == PromotionReason.FIRST_MODEL
    assert detail.startswith("first model: separation ")
    first = announced(database)[0]
    assert (first.service, first.version, first.alias) == (service, "1", "champion")
    model = ModelFiles(settings.home / "models", settings.mlflow_url).load("1", first.artifact, first.sha256)
    assert model.features == ("latency_ms", "load", "requests_total")

    # a drift while cooling down is kept, and trained when the time has come
    fill_lake(settings, service, range(600, 1000), level=300.0)
    put(database, event(service, "drift", RetrainReason.DRIFT, 999, changed_ns=START_NS + 600 * SECOND_NS))
    assert queue.turn()
    assert outcomes(database)["drift"] == (None, None)
    assert not queue.turn()
    clock.advance(601)
    assert queue.turn()
    assert outcomes(database)["drift"] == ("promoted", "2")
    assert [e.version for e in announced(database)] == ["1", "2"]

    # what the last training saw needs no other
    put(database, event(service, "late", RetrainReason.DRIFT, 700))
    assert queue.turn()
    assert outcomes(database)["late"] == ("superseded", None)

    registry = Registry.at(settings.mlflow_url, settings.home / "artifacts")
    champion = registry.champion(service)
    assert champion is not None
    assert (champion.version, champion.aliases) == ("2", ("challenger", "champion"))
    assert registry.before(champion).version == "1"

    environment = {
        **os.environ,
        "TIDEWATCH_HOME": str(settings.home),
        "TIDEWATCH_DATABASE_URL": settings.database_url.get_secret_value(),
        "TIDEWATCH_MLFLOW_URL": settings.mlflow_url,
    }
    command = [sys.executable, "-W", "ignore", "-m", "infra.cli.main", "models", "rollback", service]
    refused = subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert (refused.returncode, refused.stderr) == (
        2,
        "tidewatch: a rollback asks before it acts; without a terminal say --yes\n",
    )
    done = subprocess.run([*command, "--yes"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{service}: version 1 is champion again, 2 is not\n"
    assert [e.version for e in announced(database)] == ["1", "2", "1"]
    with database.transaction() as cursor:
        assert [(s.service, s.version) for s in store.serving(cursor)] == [(service, "1")]
    again = registry.champion(service)
    assert again is not None
    assert again.version == "1"


def test_a_request_whose_worker_died_before_the_transaction_ends_with_the_same_version(
    queue: TrainingQueue, settings: Settings, database: Database, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_lake(settings, service, range(600))
    put(database, event(service, "cold", RetrainReason.COLD_START, 599))

    def died(*_: object, **__: object) -> None:
        raise Unavailable("PostgreSQL", "gone")

    with monkeypatch.context() as patch:
        patch.setattr(store, "finish", died)
        with pytest.raises(Unavailable):
            queue.turn()
    assert outcomes(database) == {"cold": (None, None)}
    assert announced(database) == []
    assert queue.turn()
    assert outcomes(database) == {"cold": ("promoted", "1")}
    registry = Registry.at(settings.mlflow_url, settings.home / "artifacts")
    assert [v.version for v in registry.versions(service)] == ["1"]


def test_incidents_are_left_out_and_too_few_quiet_rows_are_said(
    queue: TrainingQueue, settings: Settings, database: Database, service: str
) -> None:
    fill_lake(settings, service, range(200))
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO anomaly (id, service, entity, started_at, ended_at, peak_score, peak_at, cause_metric, causes,"
            " model_version) VALUES ('x', %s, %s, to_timestamp(%s), to_timestamp(%s), 2, now(), 'load', '[]', '')",
            (service, f"{service}/a", START_NS / 1e9, START_NS / 1e9 + 180),
        )
    put(database, event(service, "cold", RetrainReason.COLD_START, 199))
    assert queue.turn()
    with database.transaction() as cursor:
        cursor.execute("SELECT outcome, detail FROM training")
        outcome, detail = cursor.fetchall()[0]
    assert outcome == "too-little-data"
    assert detail == f"{service}: 219 quiet rows, 240 are needed (181 rows are incidents, 0 anomalous)"


def test_a_lake_that_is_behind_the_evidence_is_waited_for(
    queue: TrainingQueue, settings: Settings, database: Database, clock: ManualClock, service: str
) -> None:
    put(database, event(service, "cold", RetrainReason.COLD_START, 599))
    assert queue.turn()
    assert outcomes(database) == {"cold": (None, None)}
    fill_lake(settings, service, range(600))
    assert not queue.turn()
    clock.advance(6)
    assert queue.turn()
    assert outcomes(database) == {"cold": ("promoted", "1")}


def test_while_another_worker_trains_the_service_its_requests_wait(
    queue: TrainingQueue, database: Database, postgres_url: str, service: str
) -> None:
    put(database, event(service, "cold", RetrainReason.COLD_START, 599))
    other = Database(postgres_url)
    lock = AdvisoryLock(other, store.champion_lock(service))
    assert lock.acquire()
    assert not queue.turn()
    lock.release()
    other.close()
    assert outcomes(database) == {"cold": (None, None)}


def test_while_a_page_fires_a_change_is_not_learnt(queue: TrainingQueue, database: Database, service: str) -> None:
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO alert (fingerprint, labels, annotations, state, starts_at, event_id) VALUES "
            "('f', jsonb_build_object('alertname', 'SLOBurnRate', 'service', %s::text, 'severity', 'page'), '{}',"
            " 'firing', now(), 'e')",
            (service,),
        )
    put(database, event(service, "drift", RetrainReason.DRIFT, 599))
    assert queue.turn()
    with database.transaction() as cursor:
        cursor.execute("SELECT outcome, detail FROM training")
        assert cursor.fetchall() == [(None, "an SLO of the service pages: no new normal to learn")]
        cursor.execute("SELECT subject, decision FROM decision WHERE kind = 'retrain'")
        assert cursor.fetchall() == [(service, "paging")]


def test_a_store_that_is_away_leaves_the_request_open(settings: Settings, database: Database, service: str) -> None:
    away = settings.model_copy(update={"mlflow_url": "postgresql://nobody@127.0.0.1:1/none"})
    queue = TrainingQueue(
        away, database, TrainingProcess(), lambda: None, registry=CollectorRegistry(), clock=ManualClock()
    )
    fill_lake(settings, service, range(600))
    put(database, event(service, "cold", RetrainReason.COLD_START, 599))
    with pytest.raises(Unavailable, match="MLflow"):
        queue.turn()
    assert outcomes(database) == {"cold": (None, None)}


async def until(holds: Callable[[], bool], worker: WorkerProcess, within_s: float = 150.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert worker.alive, "the worker ended"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_worker_killed_while_it_trains_leaves_one_champion_and_one_announcement(
    streaming: Settings, database: Database, service: str, tmp_path: Path
) -> None:
    settings = streaming
    await create_topics(settings)
    fill_lake(settings, service, range(600))
    request = event(service, "cold", RetrainReason.COLD_START, 599)

    def attempts(request_id: str) -> int:
        with database.transaction() as cursor:
            cursor.execute("SELECT attempts FROM training WHERE id = %s", (request_id,))
            row = cursor.fetchone()
        return 0 if row is None else int(row[0])

    environment = environment_of(settings)
    with WorkerProcess(tmp_path, "trainer", environment) as worker:
        records = [b"no request", msgspec.json.encode(request), msgspec.json.encode(request)]
        await produce(settings.kafka, settings.topic(Topic.RETRAIN), records)
        await until(lambda: attempts("cold") == 1, worker)
        await asyncio.sleep(random.random() * 2.0)  # anywhere in the training
        worker.kill()
        worker.start()
        await until(lambda: outcomes(database).get("cold", (None, None))[0] is not None, worker)
        assert outcomes(database) == {"cold": ("promoted", "1")}
        assert [e.version for e in announced(database)] == ["1"]
        if attempts("cold") == 2:  # the second of them finished it
            metrics = worker.metrics()
            assert (
                f'tidewatch_trainings_total{{outcome="promoted",reason="first-model",service="{service}"}} 1.0'
                in metrics
            )
            assert 'tidewatch_dependency_up{dependency="mlflow"} 1.0' in metrics

        # a worker that is told to stop does not wait for a training
        await produce(
            settings.kafka,
            settings.topic(Topic.RETRAIN),
            [msgspec.json.encode(event(service, "asked", RetrainReason.REQUESTED, 599))],
        )
        await until(lambda: attempts("asked") == 1, worker)
        assert worker.stop(within_s=15.0) == 0
    assert outcomes(database)["asked"] == (None, None)
    registry = Registry.at(settings.mlflow_url, settings.home / "artifacts")
    assert [v.version for v in registry.versions(service) if "champion" in v.aliases] == ["1"]


def job_that_hangs() -> TrainingJob:
    """A job whose lake is a pipe nobody writes to."""
    return TrainingJob(
        "id", "s", "requested", None, None, "", "", "", "", "", (), (), "host", 60.0, 1.0, 240, 1000, 3600.0
    )


@pytest.mark.parametrize("how", ["deadline", "stop"])
def test_a_training_that_hangs_is_ended(how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho started >&2\nexec sleep 60\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    process = TrainingProcess(deadline_s=1.0 if how == "deadline" else 60.0)
    begin = time.monotonic()
    expected: type[Exception] = TrainingCrashed
    if how == "stop":
        expected = Unavailable
        threading.Timer(1.0, process.stop).start()
    with pytest.raises(expected):
        process.run(job_that_hangs())
    assert time.monotonic() - begin < 10


def test_a_training_ends_with_its_parent() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import infra.training.job as j, time; j.run = lambda job: time.sleep(60); j.main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(job_that_hangs()) + b"\n")
    child.stdin.close()
    assert child.wait(30) == 3


def test_a_defect_of_the_process_is_a_crash_with_its_last_words() -> None:
    broken = msgspec.structs.replace(job_that_hangs(), reason=3)
    with pytest.raises(TrainingCrashed, match="exit code 1: .*ValidationError"):
        TrainingProcess().run(broken)
