"""Rejected records as dead letters: the producer's bytes, and headers that say why and where they came from. Pure."""

from __future__ import annotations

import hashlib

from agents.kafka.publisher import Outgoing
from agents.kafka.records import FetchedRecord
from infra.lake.lake import ParkedFile
from models.errors import Rejected
from models.limits import MAX_LETTER_BYTES, MAX_LETTER_KEY_BYTES
from models.names import DeadLetterHeader
from models.parse.outcome import Reject
from models.stream.identity import source_parts
from models.wire.sample_records import decode


def dead_letter(topic: str, record: FetchedRecord, reject: Reject) -> Outgoing:
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


def shortened(letter: Outgoing, error: Rejected) -> Outgoing:
    """A tenth of a letter that its topic refuses, without the key; raises `error` where nothing is left to cut."""
    value = letter.value or b""
    if not value and letter.key is None:
        raise error
    headers = list(letter.headers)
    if DeadLetterHeader.SIZE.value not in dict(headers):
        headers.append((DeadLetterHeader.SIZE.value, b"%d" % len(value)))
        headers.append((DeadLetterHeader.SHA256.value, hashlib.sha256(value).hexdigest().encode()))
    return letter._replace(value=value[: len(value) // 10], key=None, headers=headers)


def parked_samples(topic: str, refused: Outgoing, error: Rejected) -> Outgoing:
    """The letter for samples of one source record that the topic `samples` refuses: it says where that record is."""
    samples = decode(refused.value or b"")
    return _without_value(topic, samples.source, int(samples.offsets[0]), len(samples.offsets), error)


def parked_file(topic: str, file: ParkedFile) -> Outgoing:
    """The letter for samples of a service that the lake can't hold: it says where the first of their records is."""
    return _without_value(topic, file.source, file.first_offset, file.samples, file.error)


def _without_value(topic: str, source: str, offset: int, samples: int, error: Rejected) -> Outgoing:
    source_topic, _, partition = source_parts(source)
    headers = [
        (DeadLetterHeader.REASON.value, error.reason.value.encode()),
        (DeadLetterHeader.DETAIL.value, f"{samples} samples: {error.detail}"[:200].encode()),
        (DeadLetterHeader.TOPIC.value, source_topic.encode()),
        (DeadLetterHeader.PARTITION.value, b"%d" % partition),
        (DeadLetterHeader.OFFSET.value, b"%d" % offset),
    ]
    return Outgoing(topic, None, headers=headers)
