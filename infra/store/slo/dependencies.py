"""Which service calls which, as a file says or as traces showed, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from models.service_graph import Edge


class DependencySource(StrEnum):
    """Who says that a dependency exists."""

    FILE = "file"
    TRACES = "traces"


class Dependency(NamedTuple):
    """One call relation; `client` calls `server`."""

    client: str
    server: str
    source: DependencySource


def replace_file(cursor: Cursor, calls: Mapping[str, Sequence[str]]) -> None:
    """Make these the dependencies that people state; those that traces showed stay."""
    cursor.execute("DELETE FROM dependency WHERE source = %s", (DependencySource.FILE.value,))
    add(
        cursor, (Edge(client, server) for client, servers in calls.items() for server in servers), DependencySource.FILE
    )


def add(cursor: Cursor, edges: Iterable[Edge], source: DependencySource) -> None:
    """Add dependencies inside the caller's transaction; those that are there stay as they are."""
    rows = sorted({(edge.client, edge.server, source.value) for edge in edges})
    execute_values(
        cursor, "INSERT INTO dependency (client, server, source) VALUES %s ON CONFLICT DO NOTHING", rows, page_size=1000
    )


def load(cursor: Cursor) -> list[Dependency]:
    """Every dependency, by client and server."""
    cursor.execute("SELECT client, server, source FROM dependency ORDER BY client, server, source")
    return [Dependency(client, server, DependencySource(source)) for client, server, source in cursor.fetchall()]
