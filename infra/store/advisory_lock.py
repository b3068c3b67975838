"""A named PostgreSQL lock for work that one worker at a time may do."""

from __future__ import annotations

import psycopg2.extensions

from infra.store.database import Database


class AdvisoryLock:
    """The session-level advisory lock `name`, held by the connection of the thread that calls `acquire`.

    PostgreSQL frees it when that connection ends, however it ends, so a killed worker leaves no lock behind. Work that
    goes through the same connection is fenced: when the lock is lost, so is the connection, and the work fails with it.
    """

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._held_by: psycopg2.extensions.connection | None = None

    def acquire(self) -> bool:
        """Whether this thread's connection holds the lock; does not wait for another holder. Raises `Unavailable`."""
        if self._held_by is not None and self._database.connection() is self._held_by:
            return True
        self._held_by = None
        with self._database.transaction() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (self._name,))
            row = cursor.fetchone()
        if row is not None and row[0]:
            self._held_by = self._database.connection()
        return self._held_by is not None

    def release(self) -> None:
        """Give the lock up by ending the connection that holds it; does nothing where none does."""
        if self._held_by is not None:
            self._held_by.close()
            self._held_by = None
