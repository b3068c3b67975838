"""Real services for the tests: one broker and one PostgreSQL a session, a database and a topic prefix a test."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from infra.local.services.kafka import Kafka
from infra.local.services.postgres import Postgres
from infra.store.database import Database

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".tidewatch" / "cache"
TEMPLATE = "tidewatch_template"
# nothing in a test outlives a crash of the machine
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

# a machine under load is no fault of what is tested
settings.register_profile("tidewatch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tidewatch")


def say(line: str) -> None:
    print(line)


@pytest.fixture(scope="session")
def stack_cache() -> Path:
    """Where fetched jars are kept between sessions."""
    return CACHE


@pytest.fixture(scope="session")
def services_home() -> Iterator[Path]:
    """Data of the session's services; outside pytest's own folders, which are closed to PostgreSQL's user."""
    home = Path(tempfile.mkdtemp(prefix="tidewatch-test-"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka(services_home: Path, stack_cache: Path) -> Iterator[str]:
    """Bootstrap address of a real broker; use unique topics (`topic_prefix`) and groups."""
    broker = Kafka(services_home, stack_cache, say, wanted_port=0).start()
    yield broker.address
    broker.stop()


@pytest.fixture(scope="session")
def postgres(services_home: Path) -> Iterator[Postgres]:
    """A real PostgreSQL server with a migrated template database."""
    server = Postgres(services_home, say, wanted_port=0, settings=NOT_DURABLE).start()
    try:
        server.create_database(TEMPLATE)
        template = Database(server.url(TEMPLATE))
        template.migrate()
        template.close()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Connection string of a migrated database that only this test has."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name, TEMPLATE)
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """The same database, opened."""
    opened = Database(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def topic_prefix() -> str:
    """Prefix that makes this test's topics and groups its own."""
    return f"t{uuid.uuid4().hex[:10]}-"
