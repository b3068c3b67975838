"""Events decided in a transaction, on their way to Kafka: the transaction that decides an event also stores it here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from infra.store.pg_channels import notify
from models.names import Topic
from models.timestamps import DAY_S

CHANNEL: Final = "tidewatch_outbox"
"""PostgreSQL notification channel: `put` notifies, the relay listens."""

RETENTION_S: Final = 7 * DAY_S
"""Published rows are kept this long. While a row is there a repeat of its event is recognised; repeats come from work
done again after a crash, which is minutes, and from replays after a restored backup, which are days."""


class OutboxEvent(NamedTuple):
    """One event to publish: topic without prefix, record key, id derived from the event's cause, record value."""

    topic: Topic
    key: str
    event_id: str
    value: bytes


class PendingEvent(NamedTuple):
    """One stored event that Kafka has not confirmed yet; `id` gives the order in which to publish."""

    id: int
    topic: Topic
    key: str
    event_id: str
    value: bytes


def put(cursor: Cursor, events: Iterable[tuple[Topic, str, str, bytes]]) -> int:
    """Store events inside the caller's transaction and wake the relay when it commits; how many were new.

    An `event_id` that is stored already is left as it is, so deciding an event twice publishes it once.

    Args:
        cursor: cursor of the caller's open transaction.
        events: `OutboxEvent`, or tuples (topic, key, event_id, value), in the order in which they should be published.
    """
    rows = [(event_id, topic.value, key, value) for topic, key, event_id, value in events]
    if not rows:
        return 0
    stored = execute_values(
        cursor,
        "INSERT INTO outbox (event_id, topic, key, value) VALUES %s ON CONFLICT (event_id) DO NOTHING RETURNING id",
        rows,
        page_size=1000,
        fetch=True,
    )
    if stored:
        notify(cursor, CHANNEL)
    return len(stored)


def pending(cursor: Cursor, limit: int) -> list[PendingEvent]:
    """The oldest unpublished events, at most `limit`, in id order.

    Asks for `published_at IS NULL` instead of remembering a position: ids are drawn before their transactions commit,
    so a lower id can appear after a higher one was published, and a position would step over it.
    """
    cursor.execute(
        "SELECT id, topic, key, event_id, value FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %s", (limit,)
    )
    return [PendingEvent(row[0], Topic(row[1]), row[2], row[3], bytes(row[4])) for row in cursor.fetchall()]


def mark_published(cursor: Cursor, ids: Sequence[int]) -> None:
    """Record that Kafka has confirmed these rows."""
    cursor.execute("UPDATE outbox SET published_at = now() WHERE id = ANY(%s) AND published_at IS NULL", (list(ids),))


def count_pending(cursor: Cursor) -> int:
    """Number of events that Kafka has not confirmed yet."""
    cursor.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
    row = cursor.fetchone()
    assert row is not None, "count(*) always gives a row"
    return int(row[0])


def delete_published(cursor: Cursor, older_than_s: float = RETENTION_S) -> int:
    """Delete events that were published longer ago than `older_than_s`; how many went. Unpublished ones always stay."""
    cursor.execute("DELETE FROM outbox WHERE published_at < now() - make_interval(secs => %s)", (older_than_s,))
    return int(cursor.rowcount)
