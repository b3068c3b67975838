"""Bringing a database's schema to the newest version."""

from __future__ import annotations

import subprocess
import sys

from infra.store.database import VERSION_TABLE, Database, newest_version

SECOND_START = """
import sys
from infra.store.database import Database
Database(sys.argv[1]).migrate()
print("alembic" in sys.modules)
"""


def test_alembic_and_the_names_of_the_migrations_agree_on_the_version(database: Database) -> None:
    database.migrate()
    with database.transaction() as cursor:
        cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")
        assert cursor.fetchall() == [(newest_version(),)]


def test_a_later_start_does_without_alembic(postgres_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SECOND_START, postgres_url], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"
