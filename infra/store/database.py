"""Connections and transactions; errors of PostgreSQL told as `Unavailable` or as what they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import psycopg2.extensions
from psycopg2.errors import ReadOnlySqlTransaction, UndefinedColumn, UndefinedTable

from models.error_causes import ErrorCause, of_sqlstate
from models.errors import Misconfigured, Rejected, Unavailable
from models.reasons import RejectReason

MIGRATIONS = Path(__file__).parent / "schema" / "migrations"

VERSION_TABLE = "tidewatch_schema"
"""Where Alembic keeps the schema's version."""


class Database:
    """One PostgreSQL database, a connection per thread.

    A connection per thread keeps the hot path free of pool locks; the threads that use one are few and known: the
    worker's executor, a command.
    """

    def __init__(self, url: str, *, connect_timeout_s: int = 5, application: str = "tidewatch") -> None:
        self.url = url
        self._connect_timeout_s = connect_timeout_s
        self._application = application
        self._local = threading.local()
        self._all: list[psycopg2.extensions.connection] = []
        self._lock = threading.Lock()

    def connection(self) -> psycopg2.extensions.connection:
        """This thread's connection, opened or re-opened as needed; raises `Unavailable`."""
        existing: psycopg2.extensions.connection | None = getattr(self._local, "connection", None)
        if existing is not None and not existing.closed:
            return existing
        try:
            fresh = psycopg2.connect(
                self.url, connect_timeout=self._connect_timeout_s, application_name=self._application
            )
        except psycopg2.OperationalError as error:
            raise Unavailable("PostgreSQL", str(error).strip().splitlines()[0]) from error
        self._local.connection = fresh
        with self._lock:
            self._all = [c for c in self._all if not c.closed] + [fresh]
        return fresh

    @contextmanager
    def transaction(self) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor inside one transaction: committed on leaving, rolled back on an error.

        Raises:
            Unavailable: the connection failed, or PostgreSQL refuses for now; whether the transaction was committed is
                then unknown, so whoever retries must be able to tell (see `progress`).
            Rejected: PostgreSQL can't store this data (`unstorable`); nothing of the transaction holds.
            psycopg2.Error: the statement or the schema is wrong: ours to mend.
        """
        connection = self.connection()
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            meaning = told(error)
            if meaning is error:
                raise
            if isinstance(meaning, Unavailable):
                connection.close()
            raise meaning from error

    @contextmanager
    def reading(self) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor on the database as it is, as `transaction`.

        Raises:
            Misconfigured: it has no schema, or an older one.
        """
        try:
            with self.transaction() as cursor:
                yield cursor
        except (UndefinedColumn, UndefinedTable) as error:
            raise Misconfigured(
                "the database has no Tidewatch schema of this version: run `tidewatch slo apply` or start a worker"
            ) from error

    @contextmanager
    def writing(self) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor on the database, brought to this version's schema first, as `transaction`."""
        self.migrate()
        with self.transaction() as cursor:
            yield cursor

    def close(self) -> None:
        """Close every connection of every thread."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all = []

    def migrate(self) -> None:
        """Bring the schema to the newest version.

        Where it is there, as at every start but the first, Alembic is not imported: with SQLAlchemy it costs a worker
        23 MB and 0.6 s of processor time.
        """
        if self.schema_version() == newest_version():
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["url"] = self.url
        command.upgrade(config, "head")

    def server_version(self) -> str:
        """Version of PostgreSQL, as the server names it; raises `Unavailable`."""
        with self.transaction() as cursor:
            cursor.execute("SELECT current_setting('server_version')")
            return str(cursor.fetchall()[0][0])

    def count_rows(self, query: str) -> int:
        """Rows of a query that may only read, as Grafana's role may.

        Raises:
            Unavailable: as `transaction`.
            psycopg2.Error: the query is wrong, or would write.
        """
        with self.transaction() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            try:
                cursor.execute(query)
            except ReadOnlySqlTransaction as error:  # not a server that is a standby for now: we asked for it
                raise psycopg2.ProgrammingError(str(error)) from error
            return len(cursor.fetchall())

    def schema_version(self) -> str | None:
        """Version of the schema; None where there is none yet. Raises `Unavailable`."""
        with self.transaction() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (VERSION_TABLE,))
            found = cursor.fetchone()
            if not found or not found[0]:
                return None
            cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")
            row = cursor.fetchone()
            return str(row[0]) if row else None


def told(error: psycopg2.Error) -> psycopg2.Error | Unavailable | Rejected:
    """What an error means by its SQLSTATE: `Unavailable`, `Rejected`, or where it is ours to mend the error itself."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    code: str | None = error.pgcode
    if code is None:  # nothing came from the server: the connection, or a call that was wrong
        lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
        return Unavailable("PostgreSQL", text) if lost else error
    cause = of_sqlstate(code)
    if cause is ErrorCause.PASSING:
        return Unavailable("PostgreSQL", f"{text} ({code})")
    return Rejected(RejectReason.UNSTORABLE, f"{text} ({code})") if cause is ErrorCause.DATA else error


def newest_version() -> str:
    """Version that this program needs: the number that the last migration's file begins with."""
    return max(file.stem[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
