"""The database of a command: the one that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.errors import Misconfigured

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

    from infra.store.database import Database


def open_database() -> Database:
    """The database; raises `Misconfigured` where the settings have no address of one."""
    from infra.settings import load
    from infra.store.database import Database

    settings = load()
    settings.require("database_url")
    return Database(settings.database_url.get_secret_value())


@contextmanager
def reading() -> Iterator[Cursor]:
    """A cursor on the database as it is; raises `Misconfigured` where it has no schema, or an older one."""
    from psycopg2.errors import UndefinedColumn, UndefinedTable

    database = open_database()
    try:
        with database.transaction() as cursor:
            yield cursor
    except (UndefinedColumn, UndefinedTable) as error:
        problem = "the database has no Tidewatch schema of this version: run `tidewatch slo apply` or start a worker"
        raise Misconfigured(problem) from error
    finally:
        database.close()


@contextmanager
def writing() -> Iterator[Cursor]:
    """A cursor on the database, brought to this version's schema first."""
    database = open_database()
    try:
        database.migrate()
        with database.transaction() as cursor:
            yield cursor
    finally:
        database.close()
