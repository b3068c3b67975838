"""Progress that does not belong to the stream that is read: what is wrong with it, and the safe way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg2.extensions import cursor as Cursor

from infra.kafka.identity import ClusterIds
from infra.store import progress
from infra.store.progress import PartitionProgress
from models.errors import Misconfigured
from models.reasons import IdentityCheck
from models.stream.identity import StreamIdentity, check_identity


class PartitionFinding(NamedTuple):
    """What a partition's progress is to the stream of its topic's name, and which stream that is."""

    stored: PartitionProgress
    check: IdentityCheck
    present: StreamIdentity

    @property
    def repairable(self) -> bool:
        """Whether `apply` changes it."""
        return self.check in (IdentityCheck.TOPIC_MADE_ANEW, IdentityCheck.OTHER_CLUSTER)


def belongs_elsewhere(stored: str, present: str) -> str:
    """The sentence that refuses a database of another cluster."""
    return (
        f"the database belongs to the Kafka cluster {stored}, and this is {present}: correct TIDEWATCH_KAFKA or"
        " TIDEWATCH_DATABASE_URL, or see `tidewatch repair` if the other cluster is gone for good"
    )


def refuse(stored: Iterable[PartitionProgress], ids: ClusterIds) -> None:
    """Raise `Misconfigured` where any progress belongs to another cluster."""
    for row in stored:
        if row.identity.cluster_id and ids.cluster_id and row.identity.cluster_id != ids.cluster_id:
            raise Misconfigured(belongs_elsewhere(row.identity.cluster_id, ids.cluster_id))


def find(stored: Iterable[PartitionProgress], ids: ClusterIds) -> list[PartitionFinding]:
    """What every partition's progress is to the cluster's present topics."""
    return [
        PartitionFinding(row, check_identity(row.identity, present), present)
        for row in stored
        for present in [ids.identity(row.topic)]
    ]


def apply(cursor: Cursor, findings: Sequence[PartitionFinding]) -> int:
    """Let what can be repaired begin at the beginning of its present topic, with the state that it has; how many."""
    return sum(
        progress.rebase(
            cursor, found.stored.topic, found.stored.partition, stored=found.stored.identity, to=found.present
        )
        for found in findings
        if found.repairable
    )
