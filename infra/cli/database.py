"""The database of a command: the one that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

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
    with closing(open_database()) as database, database.reading() as cursor:
        yield cursor


@contextmanager
def writing() -> Iterator[Cursor]:
    """A cursor on the database, brought to this version's schema first."""
    with closing(open_database()) as database, database.writing() as cursor:
        yield cursor
