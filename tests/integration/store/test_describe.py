"""`current.sql` says what the migrations have made, and makes the same."""

from __future__ import annotations

import re
import uuid

import pytest

from infra.local.services.postgres import Postgres
from infra.store.database import Database
from infra.store.schema.describe import CURRENT, describe


def test_current_sql_is_the_schema_of_a_migrated_database(database: Database) -> None:
    with database.transaction() as cursor:
        assert describe(cursor) == CURRENT.read_text(), "run `make schema`"


def test_current_sql_makes_the_same_schema_in_an_empty_database(postgres: Postgres) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.create_database(name)
    database = Database(postgres.url(name))
    try:
        with database.transaction() as cursor:
            cursor.execute(CURRENT.read_text())
            made = describe(cursor)
    finally:
        database.close()
        postgres.drop_database(name)
    assert made == without_remarks(CURRENT.read_text())


def without_remarks(text: str) -> str:
    """The tables without the remarks, which are the catalogue's comments and no statements."""
    tables, functions = text[: text.index("\nCREATE OR REPLACE")], text[text.index("\nCREATE OR REPLACE") :]
    return re.sub(r" +-- .*", "", tables) + functions


def test_what_it_cannot_describe_is_said(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("CREATE VIEW seen AS SELECT 1 AS one")
        with pytest.raises(NotImplementedError, match="seen"):
            describe(cursor)


def test_remarks_of_the_catalogue_stand_beside_what_they_are_about(database: Database) -> None:
    with database.transaction() as cursor:
        cursor.execute("COMMENT ON TABLE drift IS 'confirmed'; COMMENT ON COLUMN drift.at IS 'of the event'")
        text = describe(cursor)
    assert "CREATE TABLE drift (                                    -- confirmed\n" in text
    assert re.search(r"^    at +timestamp with time zone NOT NULL, +-- of the event$", text, re.MULTILINE)
