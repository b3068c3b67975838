"""Which service calls which: stated in a file, learned from traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg2.extensions import cursor as Cursor

from infra.store.slo import dependencies
from infra.store.slo.dependencies import Dependency


def state(cursor: Cursor, calls: Mapping[str, Sequence[str]]) -> int:
    """Make these the dependencies that people state, by the calling service; what traces showed stays. How many."""
    dependencies.replace_file(cursor, calls)
    return sum(map(len, calls.values()))


def known(cursor: Cursor) -> list[Dependency]:
    """Every dependency, and where from, by client and server."""
    return dependencies.load(cursor)


def dependency_json(dependency: Dependency) -> dict[str, Any]:
    """`one` as JSON is made of."""
    return {"client": dependency.client, "server": dependency.server, "source": dependency.source.value}
