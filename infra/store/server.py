"""Databases of a PostgreSQL server: made and dropped by whoever runs the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.extensions
from psycopg2 import sql


def create_database(server_url: str, name: str, template: str) -> None:
    """Create a database unless it is there.

    Args:
        server_url: connection string of a database of the server, other than `name`, as a superuser.
        template: what the new database is a copy of.
    """
    with _administration(server_url) as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            cursor.execute(made.format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(server_url: str, name: str) -> None:
    """Drop a database, if it is there, and end its sessions."""
    with _administration(server_url) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _administration(server_url: str) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(server_url)
    try:
        connection.autocommit = True  # databases are not made inside a transaction
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
