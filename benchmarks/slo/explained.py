"""Every statement that a piece of the product runs, with PostgreSQL's plan for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from psycopg2.extensions import cursor as Cursor

from infra.store.database import Database

_LONG_ARRAY = re.compile(r"(ARRAY\[|'\{)([^,\]}]{1,40},){3}[^\]}]*([\]}])")
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


class Recorder:
    """Collects statements, each once by its text without arguments, in the order in which they first ran."""

    def __init__(self) -> None:
        self.statements: dict[str, str] = {}

    def cursor(self) -> type[Cursor]:
        """A cursor class that tells this recorder what it executes."""
        found = self.statements

        class Recording(Cursor):
            def execute(self, query: Any, vars: Any = None) -> None:
                text = self.mogrify(query, vars).decode()
                template = query.decode() if isinstance(query, bytes) else str(query)
                found.setdefault(" ".join(template.split())[:120], text)
                super().execute(query, vars)

        return Recording


def statements_of(database: Database, work: Callable[[], object]) -> list[str]:
    """The statements that `work` runs on a database, with their arguments."""
    recorder = Recorder()
    connection = database.connection()
    before = connection.cursor_factory
    connection.cursor_factory = recorder.cursor()
    try:
        work()
    finally:
        connection.cursor_factory = before
    return [text for text in recorder.statements.values() if text.lstrip().upper().startswith(_EXPLAINED)]


def plan(database: Database, statement: str) -> str:
    """PostgreSQL's plan with what it took; what the statement changes is rolled back."""
    connection = database.connection()
    with connection.cursor() as cursor:
        cursor.execute(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) " + statement.encode())
        lines = [shortened(line) for (line,) in cursor.fetchall()]
    connection.rollback()
    return "\n".join(lines)


def shortened(text: str) -> str:
    """A statement or a line of a plan with long arrays and lists of rows cut."""
    return _LONG_ARRAY.sub(r"\1\2 ...\3", text)
