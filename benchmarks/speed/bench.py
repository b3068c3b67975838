"""What measurements share: sizes, a broker, a database server, and lanes, each with topics and data of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.speed.worker import Progress
from benchmarks.speed.workload import MEAN, METRICS, SERVICES, SPREAD, service
from infra.kafka.admin import create_topics_blocking, topics
from infra.local.services.kafka import Kafka
from infra.local.services.postgres import Postgres
from infra.local.shipped import cache_folder
from infra.settings import Settings, load
from infra.store import training as training_store
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.training import ServedModel
from models.names import Topic
from models.sli.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.training.fit import fit
from models.training.table import TrainingTable

RUNS: Final = 5
QUICK_RUNS: Final = 1
PARTITIONS: Final = 4
TRAINING_ROWS: Final = 3000


@dataclass(frozen=True)
class Lane:
    """Topics with a prefix, a database with SLOs and a champion for each service, and settings that name them."""

    settings: Settings
    progress: Progress

    @property
    def environment(self) -> dict[str, str]:
        """Of a worker."""
        settings = self.settings
        return {
            "TIDEWATCH_KAFKA": settings.kafka,
            "TIDEWATCH_DATABASE_URL": settings.database_url.get_secret_value(),
            "TIDEWATCH_TOPIC_PREFIX": settings.topic_prefix,
            "TIDEWATCH_GROUP": settings.group,
            "TIDEWATCH_HOME": str(settings.home),
            "TIDEWATCH_PARTITIONS": str(settings.partitions),
            "TIDEWATCH_ALERTMANAGER_URL": settings.alertmanager_url,
        }

    def topic(self, topic: Topic) -> str:
        return self.settings.topic(topic)


class Bench:
    """Services start when they are first asked for and end with the block.

    Attributes:
        quick: whether sizes are small and runs few: enough to see that a measurement works, no figures.
        backlog: samples of the catch-up where it was asked for another number.
        say: hears what goes on.
    """

    def __init__(self, say: Callable[[str], None], *, quick: bool = False, backlog: int | None = None) -> None:
        self.quick = quick
        self.backlog = backlog
        self.runs = QUICK_RUNS if quick else RUNS
        self.say = say
        self._open = ExitStack()
        self._lanes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def size(self, full: int, quick: int) -> int:
        """One of the two."""
        return quick if self.quick else full

    @cached_property
    def home(self) -> Path:
        """A folder that goes with the block."""
        home = Path(tempfile.mkdtemp(prefix="tidewatch-bench-"))
        home.chmod(0o711)  # PostgreSQL's user must get through
        self._open.callback(shutil.rmtree, home, ignore_errors=True)
        return home

    @cached_property
    def kafka(self) -> Kafka:
        kafka = Kafka(self.home, cache_folder(self.home), self.say, wanted_port=0).start()
        self._open.callback(kafka.stop)
        return kafka

    @cached_property
    def postgres(self) -> Postgres:
        postgres = Postgres(self.home, self.say, wanted_port=0).start()
        self._open.callback(postgres.stop)
        return postgres

    @cached_property
    def _champion(self) -> Path:
        """A model of the workload's metrics, as the trainer would have made it."""
        x = MEAN + SPREAD * np.random.default_rng(0).standard_normal((TRAINING_ROWS, len(METRICS)))
        tick_ns = np.arange(TRAINING_ROWS, dtype=np.int64) * 1_000_000_000
        features = tuple(sorted(METRICS))
        table = TrainingTable(features, ("e",), x, np.zeros(TRAINING_ROWS, np.int32), tick_ns, 1.0)
        path = self.home / "champion.npz"
        path.write_bytes(fit(table, "any", seed=0).to_bytes())
        return path

    @contextmanager
    def lane(self, partitions: int = PARTITIONS, alertmanager_url: str = "") -> Iterator[Lane]:
        """A lane of its own; its topics and its database are dropped at the end."""
        self._lanes += 1
        name = f"bench{self._lanes}"
        self.postgres.create_database(name)
        settings = load(
            kafka=self.kafka.address,
            database_url=self.postgres.url(name),
            topic_prefix=f"{name}-",
            group=name,
            partitions=partitions,
            home=self.home / name,
            alertmanager_url=alertmanager_url,
        )
        create_topics_blocking(settings)
        with contextlib.closing(Database(settings.database_url.get_secret_value())) as database:
            database.migrate()
            self._fill(database)
        progress = Progress(settings.database_url.get_secret_value())
        try:
            yield Lane(settings, progress)
        finally:
            progress.close()
            self.postgres.drop_database(name)
            asyncio.run(_delete_topics(settings))
            shutil.rmtree(settings.home, ignore_errors=True)

    def _fill(self, database: Database) -> None:
        sha256 = hashlib.sha256(self._champion.read_bytes()).hexdigest()
        with database.transaction() as cursor:
            slos.apply(cursor, [_slo(service(number)) for number in range(SERVICES)], changed_by="benchmark")
            for number in range(SERVICES):
                model = ServedModel(service(number), "1", sha256, str(self._champion), time.time_ns())
                training_store.serve(cursor, model, {}, "benchmark")


def _slo(name: str) -> Slo:
    """99.9 % of a service's requests within 400 ms over 30 days."""
    matchers = (LabelMatcher("service", MatchOp.EQUAL, name),)
    indicator = ThresholdIndicator(MetricQuery("latency_ms", matchers), ThresholdOp.LTE, 400.0)
    return Slo(f"{name}-latency", name, 0.999, TimeWindow(30, WindowUnit.DAY), indicator)


async def _delete_topics(settings: Settings) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await client.start()
    try:
        await client.delete_topics([topic.name for topic in topics(settings)])
    finally:
        await client.close()
