"""SQL is written in `infra/store/` and nowhere else: whoever reads or changes the schema has one place to look."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STORE = ROOT / "infra" / "store"
STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS\s*\(|TRUNCATE\s|LOCK\s+TABLE\s"
    r"|(CREATE|ALTER|DROP)\s+(TABLE|INDEX|FUNCTION|TRIGGER|DATABASE|ROLE)\s|SET\s+TRANSACTION\s|(LISTEN|NOTIFY)\s+\w)"
)
CALLS = {"execute", "executemany", "execute_values", "execute_batch", "exec_driver_sql"}


def sql_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every statement of SQL, and of every call that sends one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            yield node.lineno, node.value.strip().splitlines()[0]
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
            )
            if name in CALLS:
                yield node.lineno, f"{name}(...)"


@pytest.mark.parametrize("package", ["agents", "infra", "models"])
def test_no_module_outside_of_the_store_holds_sql(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.is_relative_to(STORE)
        for line, text in sql_in(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('x = "SELECT 1"', id="a query"),
        pytest.param('x = f"SELECT {a} FROM b"', id="a query with parts"),
        pytest.param('x = """\n  INSERT INTO a VALUES (1)"""', id="an insert on a line of its own"),
        pytest.param('x = "UPDATE a SET b = 1"', id="an update"),
        pytest.param('x = "DELETE FROM a"', id="a delete"),
        pytest.param("cursor.execute(text)", id="a call that sends one"),
    ],
)
def test_sql_is_found(source: str) -> None:
    assert list(sql_in(source))


def test_prose_is_no_sql() -> None:
    assert not list(sql_in('x = "Select a service, update it; delete from the list"\ny = "UPDATE THIS"'))


def test_the_store_holds_sql() -> None:
    assert any(list(sql_in(path.read_text())) for path in STORE.glob("*.py"))
