"""`make schema` writes the file that is checked in."""

from __future__ import annotations

from pathlib import Path

from infra.local.schema_file import schema_of_migrations
from infra.store.schema.describe import CURRENT


def test_a_server_of_its_own_gives_the_schema_of_the_migrations(services_home: Path) -> None:
    home = services_home / "schema"
    home.mkdir(mode=0o711)
    assert schema_of_migrations(home) == CURRENT.read_text()
