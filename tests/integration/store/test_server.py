"""Databases are made and dropped, whatever their names."""

from __future__ import annotations

import psycopg2
import pytest

from infra.local.services.postgres import Postgres
from infra.store.database import Database
from infra.store.server import create_database, drop_database

NAME = 'a "quoted" name'


def test_a_database_is_made_once_and_dropped_with_its_sessions(postgres: Postgres) -> None:
    server = postgres.url("postgres")
    create_database(server, NAME, "template0")
    create_database(server, NAME, "template0")
    database = Database(postgres.url("a%20%22quoted%22%20name"))
    assert database.schema_version() is None
    drop_database(server, NAME)
    drop_database(server, NAME)
    with pytest.raises(psycopg2.OperationalError, match="does not exist"):
        psycopg2.connect(postgres.url("a%20%22quoted%22%20name"))
    database.close()


def test_queries_that_are_counted_may_only_read(database: Database) -> None:
    assert database.count_rows("SELECT generate_series(1, 3)") == 3
    with pytest.raises(psycopg2.ProgrammingError, match="read-only transaction"):
        database.count_rows("DELETE FROM slo RETURNING id")


def test_versions_are_told(database: Database) -> None:
    assert int(database.server_version().split(".")[0]) >= 15
    assert database.schema_version() is not None
