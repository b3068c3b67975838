"""Every statement that a piece of the product runs, with PostgreSQL's plan for it at that moment."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor

from infra.store.database import Database

_LONG_ARRAY = re.compile(r"(ARRAY\[|'\{)([^,\]}]{1,40},){3}[^\]}]*([\]}])")
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_VALUES = re.compile(r"'(?:[^']|'')*'|ARRAY\[[^\]]*\]|[-\d.]+|\bVALUES .*", re.DOTALL)


class Explained(NamedTuple):
    """A statement with its arguments, and its plan with what it took."""

    statement: str
    plan: str


class StatementExplainer:
    """Explains statements right before they run, each once whatever its arguments, in that order.

    What explaining changes is rolled back, so the statement itself finds everything as it was.
    """

    def __init__(self) -> None:
        self.found: dict[str, Explained] = {}

    def cursor(self) -> type[Cursor]:
        """A cursor class that shows this explainer what it executes."""
        found = self.found

        class Explaining(Cursor):
            def execute(self, query: Any, vars: Any = None) -> None:
                text = self.mogrify(query, vars).decode()
                template = _VALUES.sub("", text)
                if text.lstrip().upper().startswith(_EXPLAINED) and template not in found:
                    super().execute("SAVEPOINT before_plan")
                    super().execute(b"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) " + text.encode())
                    lines = [shortened(line) for (line,) in self.fetchall()]
                    super().execute("ROLLBACK TO before_plan")
                    found[template] = Explained(text, "\n".join(lines))
                super().execute(query, vars)

        return Explaining

    def explain(self, database: Database, work: Callable[[], object]) -> list[Explained]:
        """The statements that `work` runs on a database and that were not seen before."""
        connection = database.connection()
        before, known = connection.cursor_factory, len(self.found)
        connection.cursor_factory = self.cursor()
        try:
            work()
        finally:
            connection.cursor_factory = before
        return list(self.found.values())[known:]


def shortened(text: str) -> str:
    """A statement or a line of a plan with long arrays and lists of rows cut."""
    return _LONG_ARRAY.sub(r"\1\2 ...\3", text)
