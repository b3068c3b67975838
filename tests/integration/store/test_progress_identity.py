"""Progress moves only within its stream, and begins anew in another one without losing anything else."""

from __future__ import annotations

import pytest

from infra.kafka import repair
from infra.kafka.identity import ClusterIds
from infra.store import progress
from infra.store.database import Database
from infra.store.progress import Fenced, ModelSwap, StoredSnapshot, ThresholdChange
from models.errors import Misconfigured
from models.reasons import IdentityCheck
from models.stream.identity import UNKNOWN, StreamIdentity

OLD, NEW = StreamIdentity("c", "old"), StreamIdentity("c", "new")


def move(database: Database, expected: int | None, to: int, identity: StreamIdentity) -> None:
    with database.transaction() as cursor:
        progress.move(cursor, "samples", 0, expected=expected, to=to, source_high={"m:0": to}, identity=identity)


def test_an_offset_of_another_stream_fences(database: Database) -> None:
    move(database, None, 10, OLD)
    with pytest.raises(Fenced):
        move(database, 10, 20, NEW)
    move(database, 10, 20, OLD)


def test_progress_without_ids_is_adopted_and_unknown_ids_change_nothing(database: Database) -> None:
    move(database, None, 10, UNKNOWN)
    move(database, 10, 20, OLD)
    move(database, 20, 30, UNKNOWN)
    with database.transaction() as cursor:
        assert progress.load(cursor, "samples", 0).identity == OLD


def test_a_partition_begins_anew_with_its_state_and_the_last_change_of_each_service(database: Database) -> None:
    move(database, None, 100, OLD)
    with database.transaction() as cursor:
        progress.save_snapshot(cursor, "samples", 0, StoredSnapshot(80, _sha(b"state"), 5, b"state", None))
        swaps = [ModelSwap(at, service, str(at), "", "") for at, service in ((85, "a"), (95, "a"), (90, "b"))]
        progress.save_swaps(cursor, "samples", 0, swaps)
        progress.save_thresholds(cursor, "samples", 0, [ThresholdChange(82, "a", 2.0), ThresholdChange(99, "a", 3.0)])
    with database.transaction() as cursor:
        assert progress.rebase(cursor, "samples", 0, stored=OLD, to=NEW)
        assert not progress.rebase(cursor, "samples", 0, stored=OLD, to=NEW), "once is enough"
    with database.transaction() as cursor:
        resume = progress.load(cursor, "samples", 0)
    assert (resume.next_offset, resume.identity, resume.source_high) == (0, NEW, {"m:0": 100})
    assert resume.snapshot is not None
    assert (resume.snapshot.next_offset, resume.snapshot.body) == (0, b"state")
    assert [(swap.at_offset, swap.service, swap.version) for swap in resume.swaps] == [(0, "a", "95"), (0, "b", "90")]
    assert list(resume.thresholds) == [ThresholdChange(0, "a", 3.0)]
    move(database, 0, 5, NEW)


def test_repair_changes_what_is_of_another_stream_and_nothing_else(database: Database) -> None:
    with database.transaction() as cursor:
        for partition, identity in enumerate((NEW, OLD, StreamIdentity("elsewhere", "x"), UNKNOWN)):
            progress.move(cursor, "samples", partition, expected=None, to=7, source_high={}, identity=identity)
    ids = ClusterIds("c", {"samples": "new"})
    with database.transaction() as cursor:
        findings = repair.find(progress.every_partition(cursor), ids)
        assert [found.check for found in findings] == [
            IdentityCheck.SAME,
            IdentityCheck.TOPIC_MADE_ANEW,
            IdentityCheck.OTHER_CLUSTER,
            IdentityCheck.ADOPTED,
        ]
        with pytest.raises(Misconfigured, match="belongs to the Kafka cluster elsewhere"):
            repair.refuse(progress.every_partition(cursor), ids)
        assert repair.apply(cursor, findings) == 2
        rows = progress.every_partition(cursor)
        repair.refuse(rows, ids)
    assert [(row.next_offset, row.identity) for row in rows] == [(7, NEW), (0, NEW), (0, NEW), (7, UNKNOWN)]


def _sha(body: bytes) -> str:
    import hashlib

    return hashlib.sha256(body).hexdigest()
