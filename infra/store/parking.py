"""Rows that PostgreSQL refuses for the data's sake: found by halves, and sent to the dead-letter topic instead.

Everything happens inside the caller's transaction, which also moves the offset: a row is stored or parked, never both,
never neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import psycopg2
from psycopg2.extensions import cursor as Cursor

from infra.store.database import told
from infra.store.outbox import OutboxEvent
from models.errors import Rejected
from models.limits import MAX_LETTER_BYTES
from models.names import Topic

PARKED_KEY: Final = "parked"
"""Member of a parked row's JSON that says what kind of row it is; by it readers tell these letters from records."""


class Portion(NamedTuple):
    """Rows of one kind of a transaction, and how to write some of them."""

    what: str
    rows: Sequence[Any]
    write: Callable[[Cursor, Sequence[Any]], object]


@dataclass(frozen=True, slots=True)
class Parked:
    """A row that was refused, and why."""

    what: str
    error: Rejected
    row: object


def write_by_halves(cursor: Cursor, portion: Portion) -> Iterator[Parked]:
    """Write the rows that PostgreSQL takes; those that it refuses for the data's sake, one by one.

    Raises:
        Unavailable, psycopg2.Error: any other refusal; nothing of the transaction holds then.
    """
    if not portion.rows:
        return
    try:
        with _savepoint(cursor):
            portion.write(cursor, portion.rows)
    except Rejected as error:
        if len(portion.rows) == 1:
            yield Parked(portion.what, error, portion.rows[0])
            return
        middle = len(portion.rows) // 2
        for half in (portion.rows[:middle], portion.rows[middle:]):
            yield from write_by_halves(cursor, portion._replace(rows=half))


@contextmanager
def _savepoint(cursor: Cursor) -> Iterator[None]:
    """Undo what fails, and nothing else of the transaction; raises `Rejected` for the data's errors."""
    cursor.execute("SAVEPOINT half")
    try:
        yield
    except psycopg2.Error as error:
        meaning = told(error)
        if not isinstance(meaning, Rejected):
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT half")
        raise meaning from error
    except Rejected:
        cursor.execute("ROLLBACK TO SAVEPOINT half")
        raise
    cursor.execute("RELEASE SAVEPOINT half")


def letter(parked: Parked, number: int, source: tuple[str, int, int | None, int]) -> OutboxEvent:
    """The dead letter of a parked row.

    Args:
        number: its place among those of its transaction.
        source: topic, partition, first offset and the one after the last, of the records that it comes from.
    """
    topic, partition, first, end = source
    body = {
        PARKED_KEY: parked.what,
        "reason": parked.error.reason.value,
        "detail": parked.error.detail,
        "topic": topic,
        "partition": partition,
        "from_offset": first,
        "to_offset": end,
        "row": repr(parked.row),
    }
    value = json.dumps(body).encode()  # ASCII: whatever the row holds, this can be stored
    if len(value) > MAX_LETTER_BYTES:
        value = json.dumps({**body, "row": f"{len(value)} bytes"}).encode()
    event_id = f"{PARKED_KEY}:{topic}:{partition}:{end}:{number}"
    return OutboxEvent(Topic.DEAD_LETTER, f"{topic}:{partition}", event_id, value)
