"""Rejected records as dead letters: the producer's bytes, and headers that say why and where they came from. Pure."""

from __future__ import annotations

import hashlib

from agents.kafka.fetched import Record
from agents.kafka.publisher import Outgoing
from models.limits import MAX_LETTER_BYTES, MAX_LETTER_KEY_BYTES
from models.names import DeadLetterHeader
from models.parse.outcome import Reject


def dead_letter(topic: str, record: Record, reject: Reject) -> Outgoing:
    """The letter for one reason why a record, or samples of it, were refused.

    Key and value are the producer's. What is too long for the topic is cut; `size` and `sha256` are then of the whole
    value, which the source topic still has at `offset` while its retention lasts.
    """
    value = record.value
    headers = [
        (DeadLetterHeader.REASON.value, reject.reason.value.encode()),
        (DeadLetterHeader.DETAIL.value, reject.detail.encode()),
        (DeadLetterHeader.TOPIC.value, record.topic.encode()),
        (DeadLetterHeader.PARTITION.value, b"%d" % record.partition),
        (DeadLetterHeader.OFFSET.value, b"%d" % record.offset),
    ]
    if value is not None and len(value) > MAX_LETTER_BYTES:
        headers.append((DeadLetterHeader.SIZE.value, b"%d" % len(value)))
        headers.append((DeadLetterHeader.SHA256.value, hashlib.sha256(value).hexdigest().encode()))
        value = value[:MAX_LETTER_BYTES]
    key = record.key[:MAX_LETTER_KEY_BYTES] if record.key is not None else None
    return Outgoing(topic, value, key, headers=headers)
