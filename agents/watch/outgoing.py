"""What leaves the watch agent after a fold: scores and drifts straight to Kafka, the rest through the outbox."""

from __future__ import annotations

import msgspec
import numpy as np

from agents.kafka.partitioning import partition_of
from agents.kafka.publisher import Outgoing
from agents.kafka.record_batch import pack
from agents.kafka.records import Packed
from infra.store.outbox import OutboxEvent
from models.alerting.alert import Links
from models.alerting.anomaly_text import anomaly_alert, silence_alert
from models.names import Topic
from models.state.results import Folded
from models.state.tables import EntityName
from models.training.events import drift_event, retrain_event
from models.wire.byte_columns import ByteColumn
from models.wire.score_events import score_events


def packed_scores(folded: Folded, entities: list[EntityName], topic: str, partitions: int, now_ms: int) -> list[Packed]:
    """The score events of every closed tick, those of an entity in its partition of `topic`."""
    keys, which, events = score_events(folded.rows, entities)
    partition = np.array([partition_of(key, partitions) for key in keys], np.int64)
    return list(pack(topic, partition[which], ByteColumn.of(keys).chosen(which), events, now_ms))


def drift_records(folded: Folded, topic: str) -> list[Outgoing]:
    """The records of confirmed drifts."""
    events = map(drift_event, folded.drifts)
    return [Outgoing(topic, msgspec.json.encode(event), event.service.encode()) for event in events]


def outbox_events(folded: Folded, links: Links) -> list[OutboxEvent]:
    """Alerts and requests for models, in the order in which they should be published."""
    alerts = [anomaly_alert(episode, links) for episode in folded.episodes]
    alerts += [silence_alert(silence, links) for silence in folded.silences]
    return [
        *(OutboxEvent(Topic.ALERTS, alert.fingerprint, alert.id, msgspec.json.encode(alert)) for alert in alerts),
        *(
            OutboxEvent(Topic.RETRAIN, asked.service, asked.id, msgspec.json.encode(asked))
            for asked in map(retrain_event, folded.retrain)
        ),
    ]
