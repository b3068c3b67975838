"""How far a partition has been folded, and what is needed to go on from there.

`progress.next_offset` moves in the very transaction that holds the effects of the records below it, and only from
the value that the writer believes it has. Nobody else may move it meanwhile, so a worker that lost its partition
can't write twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from models.errors import TidewatchError, Unavailable
from models.stream.identity import UNKNOWN, StreamIdentity

log = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
"""Snapshots above this, of some 500 series, go to the lake: PostgreSQL writes a row of this size several times (WAL,
TOAST, vacuum), in the transaction for which the partition waits; 3 MB held it back for 0.4 s."""

STATE_FOLDER: Final = "_state"
"""Of the lake; the underscore keeps it out of what readers of `service=...` folders see."""


class Fenced(TidewatchError):
    """Another worker moved the partition's progress: what this one holds of the partition is out of date."""

    def __init__(self, topic: str, partition: int, expected: int | None, found: int | None) -> None:
        super().__init__(f"{topic}:{partition} is at {found}, not at {expected}")
        self.found = found


@dataclass(frozen=True, slots=True)
class ModelSwap:
    """A service's model changed just before `at_offset` was folded. Without a version, the service lost its model."""

    at_offset: int
    service: str
    version: str
    sha256: str
    artifact: str


@dataclass(frozen=True, slots=True)
class ThresholdChange:
    """A service's anomaly threshold was multiplied by another factor just before `at_offset` was folded."""

    at_offset: int
    service: str
    factor: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of a partition that holds everything below `next_offset`."""

    next_offset: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Resume:
    """What a worker needs when it gets a partition.

    Attributes:
        next_offset: first offset whose effects are not stored yet; None where nothing is.
        identity: the stream that `next_offset` belongs to.
        source_high: highest source offset folded, per source partition, as of `next_offset`.
        snapshot: newest state; None where none was taken.
        swaps, thresholds: changes of models and thresholds after the snapshot, in the order in which they were made.
    """

    next_offset: int | None = None
    source_high: Mapping[str, int] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    swaps: Sequence[ModelSwap] = ()
    thresholds: Sequence[ThresholdChange] = ()
    identity: StreamIdentity = UNKNOWN


def load(cursor: Cursor, topic: str, partition: int) -> Resume:
    """Where and with what to resume a partition.

    A snapshot whose bytes do not have their checksum, or are gone, is left out: the replay is longer, not wrong.
    """
    cursor.execute(
        "SELECT next_offset, source_high, cluster_id, topic_id FROM progress WHERE topic = %s AND partition = %s",
        (topic, partition),
    )
    row = cursor.fetchone()
    if row is None:
        return Resume()
    snapshot = _load_snapshot(cursor, topic, partition)
    cursor.execute(
        "SELECT at_offset, service, version, sha256, artifact FROM model_swap"
        " WHERE topic = %s AND partition = %s AND at_offset >= %s ORDER BY at_offset, service",
        (topic, partition, snapshot.next_offset if snapshot else 0),
    )
    swaps = [ModelSwap(*swap) for swap in cursor.fetchall()]
    cursor.execute(
        "SELECT at_offset, service, factor FROM threshold_change"
        " WHERE topic = %s AND partition = %s AND at_offset >= %s ORDER BY at_offset, service",
        (topic, partition, snapshot.next_offset if snapshot else 0),
    )
    thresholds = tuple(ThresholdChange(*change) for change in cursor.fetchall())
    return Resume(int(row[0]), row[1], snapshot, swaps, thresholds, StreamIdentity(row[2], row[3]))


def next_offset(cursor: Cursor, topic: str, partition: int) -> int | None:
    """First offset whose effects are not stored yet; None where nothing is."""
    cursor.execute("SELECT next_offset FROM progress WHERE topic = %s AND partition = %s", (topic, partition))
    row = cursor.fetchone()
    return int(row[0]) if row else None


def move(
    cursor: Cursor,
    topic: str,
    partition: int,
    *,
    expected: int | None,
    to: int,
    source_high: Mapping[str, int],
    identity: StreamIdentity = UNKNOWN,
) -> None:
    """Move the partition's progress from `expected` (None: no row yet) to `to` and lock it until the transaction ends.

    Args:
        identity: the stream that the offsets belong to; what is not known leaves what is stored.

    Raises:
        Fenced: it is not at `expected`, or at that of another stream.
    """
    high = json.dumps(dict(source_high))
    if expected is None:
        cursor.execute(
            "INSERT INTO progress (topic, partition, next_offset, source_high, cluster_id, topic_id)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (topic, partition, to, high, *identity),
        )
    else:
        cursor.execute(
            "UPDATE progress SET next_offset = %(to)s, source_high = %(high)s, updated_at = now(),"
            " cluster_id = coalesce(nullif(%(cluster_id)s, ''), cluster_id),"
            " topic_id = coalesce(nullif(%(topic_id)s, ''), topic_id)"
            " WHERE topic = %(topic)s AND partition = %(partition)s AND next_offset = %(expected)s"
            " AND ('' IN (topic_id, %(topic_id)s) OR (cluster_id, topic_id) = (%(cluster_id)s, %(topic_id)s))",
            {
                "to": to,
                "high": high,
                "topic": topic,
                "partition": partition,
                "expected": expected,
                **identity._asdict(),
            },
        )
    if cursor.rowcount != 1:
        raise Fenced(topic, partition, expected, next_offset(cursor, topic, partition))


def rebase(cursor: Cursor, topic: str, partition: int, *, stored: StreamIdentity, to: StreamIdentity) -> bool:
    """Begin a partition at the beginning of another stream, with the state that it has; False where it is not at
    `stored` any more.

    Counts and episodes stay. The newest snapshot holds the state before the stream's first record. Of the changes after
    it the last of each service holds from there on.
    """
    cursor.execute(
        "UPDATE progress SET next_offset = 0, cluster_id = %s, topic_id = %s, updated_at = now()"
        " WHERE topic = %s AND partition = %s AND (cluster_id, topic_id) = (%s, %s)",
        (*to, topic, partition, *stored),
    )
    if cursor.rowcount != 1:
        return False
    cursor.execute("UPDATE snapshot SET next_offset = 0 WHERE topic = %s AND partition = %s", (topic, partition))
    for table in ("model_swap", "threshold_change"):
        cursor.execute(
            f"DELETE FROM {table} AS older USING {table} AS newer WHERE older.topic = %s AND older.partition = %s"
            " AND (newer.topic, newer.partition, newer.service) = (older.topic, older.partition, older.service)"
            " AND newer.at_offset > older.at_offset",
            (topic, partition),
        )
        cursor.execute(f"UPDATE {table} SET at_offset = 0 WHERE topic = %s AND partition = %s", (topic, partition))
    return True


class PartitionProgress(NamedTuple):
    """Where a partition stands, and in which stream."""

    topic: str
    partition: int
    next_offset: int
    identity: StreamIdentity


def every_partition(cursor: Cursor) -> list[PartitionProgress]:
    """Progress of all topics' partitions, in order."""
    cursor.execute("SELECT topic, partition, next_offset, cluster_id, topic_id FROM progress ORDER BY topic, partition")
    return [
        PartitionProgress(topic, partition, int(at), StreamIdentity(cluster_id, topic_id))
        for topic, partition, at, cluster_id, topic_id in cursor.fetchall()
    ]


def save_swaps(cursor: Cursor, topic: str, partition: int, swaps: Sequence[ModelSwap]) -> None:
    """Remember at which offsets models changed."""
    execute_values(
        cursor,
        "INSERT INTO model_swap (topic, partition, at_offset, service, version, sha256, artifact) VALUES %s"
        " ON CONFLICT (topic, partition, at_offset, service) DO UPDATE SET"
        " version = excluded.version, sha256 = excluded.sha256, artifact = excluded.artifact",
        [(topic, partition, s.at_offset, s.service, s.version, s.sha256, s.artifact) for s in swaps],
    )


def save_thresholds(cursor: Cursor, topic: str, partition: int, changes: Sequence[ThresholdChange]) -> None:
    """Remember at which offsets thresholds changed."""
    execute_values(
        cursor,
        "INSERT INTO threshold_change (topic, partition, at_offset, service, factor) VALUES %s"
        " ON CONFLICT (topic, partition, at_offset, service) DO UPDATE SET factor = excluded.factor",
        [(topic, partition, change.at_offset, change.service, change.factor) for change in changes],
    )


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot on its way into its row: small ones carry their bytes, large ones the file that holds them."""

    next_offset: int
    sha256: str
    size_bytes: int
    body: bytes | None
    location: str | None


def prepare_snapshot(lake: str, topic: str, partition: int, snapshot: Snapshot) -> StoredSnapshot:
    """Compute the checksum; write a large one to the lake, complete and synced before its row can name it.

    Raises:
        Unavailable: the lake cannot be written.
    """
    sha256 = hashlib.sha256(snapshot.body).hexdigest()
    size = len(snapshot.body)
    if size <= LARGE_BYTES:
        return StoredSnapshot(snapshot.next_offset, sha256, size, snapshot.body, None)
    folder = Path(lake) / STATE_FOLDER / f"{topic}-{partition}"
    file = folder / f"{snapshot.next_offset}-{sha256[:16]}"
    temporary = folder / f".{file.name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as out:
            out.write(snapshot.body)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except OSError as error:
        raise Unavailable("lake", f"{file}: {error}") from error
    return StoredSnapshot(snapshot.next_offset, sha256, size, None, str(file.resolve()))


def save_snapshot(cursor: Cursor, topic: str, partition: int, stored: StoredSnapshot) -> None:
    """Make it the partition's newest snapshot, and forget the changes that it already holds."""
    cursor.execute(
        "INSERT INTO snapshot (topic, partition, next_offset, sha256, size_bytes, body, location)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (topic, partition) DO UPDATE SET"
        " next_offset = excluded.next_offset, taken_at = now(), sha256 = excluded.sha256,"
        " size_bytes = excluded.size_bytes, body = excluded.body, location = excluded.location",
        (topic, partition, stored.next_offset, stored.sha256, stored.size_bytes, stored.body, stored.location),
    )
    for table in ("model_swap", "threshold_change"):
        cursor.execute(
            f"DELETE FROM {table} WHERE topic = %s AND partition = %s AND at_offset < %s",
            (topic, partition, stored.next_offset),
        )


def delete_old_files(lake: str, topic: str, partition: int, keep: StoredSnapshot) -> None:
    """Delete the partition's snapshot files that no row names any more; call it once the row is committed."""
    folder = Path(lake) / STATE_FOLDER / f"{topic}-{partition}"
    for file in folder.glob("*"):
        if str(file.resolve()) != keep.location:
            file.unlink(missing_ok=True)


def _load_snapshot(cursor: Cursor, topic: str, partition: int) -> Snapshot | None:
    cursor.execute(
        "SELECT next_offset, sha256, body, location FROM snapshot WHERE topic = %s AND partition = %s",
        (topic, partition),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    offset, sha256, body, location = row
    try:
        content = bytes(body) if location is None else Path(location).read_bytes()
    except OSError as error:
        log.error("snapshot of %s:%s at %s cannot be read: %s", topic, partition, location, error)
        return None
    if hashlib.sha256(content).hexdigest() != sha256:
        log.error("snapshot of %s:%s is damaged: its checksum differs", topic, partition)
        return None
    return Snapshot(int(offset), content)
