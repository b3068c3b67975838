"""`make schema`: migrate a fresh database of an embedded PostgreSQL and write `current.sql` from it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.local.services.postgres import Postgres
from infra.store.database import Database
from infra.store.schema.describe import CURRENT, describe

DATABASE = "tidewatch_schema"


def schema_of_migrations(home: Path) -> str:
    """What the migrations make of an empty database; a server runs in `home` meanwhile.

    Raises:
        Misconfigured: there is no PostgreSQL to embed.
    """
    server = Postgres(home, lambda line: None, wanted_port=0).start()
    try:
        server.create_database(DATABASE)
        database = Database(server.url(DATABASE))
        database.migrate()
        with database.transaction() as cursor:
            text = describe(cursor)
        database.close()
        return text
    finally:
        server.stop()


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory(prefix="tidewatch-schema-") as home:
        Path(home).chmod(0o711)  # PostgreSQL's user has to pass
        CURRENT.write_text(schema_of_migrations(Path(home)))


if __name__ == "__main__":
    main()
