"""Hearing of other transactions at once, by PostgreSQL's LISTEN and NOTIFY."""

from __future__ import annotations

import select

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from infra.store.database import Database
from models.errors import Unavailable


def notify(cursor: Cursor, channel: str) -> None:
    """When this transaction commits, wake whoever listens on `channel`."""
    cursor.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(channel)))


def listen(database: Database, channel: str) -> None:
    """Let this thread's connection hear of every `notify` that commits from now on. Raises `Unavailable`."""
    with database.transaction() as cursor:
        cursor.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))


def wait(database: Database, timeout_s: float) -> bool:
    """Block until this thread's connection hears something or `timeout_s` passes; whether it heard.

    Raises:
        Unavailable: the connection failed; the next one has to `listen` again.
    """
    connection = database.connection()
    try:
        if not connection.notifies and select.select([connection], [], [], timeout_s)[0]:
            connection.poll()
    except psycopg2.Error as error:
        connection.close()
        raise Unavailable("PostgreSQL", (str(error).strip() or type(error).__name__).splitlines()[0]) from error
    heard = bool(connection.notifies)
    connection.notifies.clear()
    return heard
