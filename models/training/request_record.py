"""Records of the `retrain` topic: what can be read, and why the rest can't."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.errors import Rejected
from models.reasons import RejectReason, RetrainReason
from models.records import RetrainEvent

_decoder = msgspec.json.Decoder(RetrainEvent)


def parse_request(value: bytes | None) -> RetrainEvent:
    """The request in a record of `retrain`; raises `Rejected` for anything else."""
    try:
        event = _decoder.decode(value or b"")
        RetrainReason(event.reason)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Rejected(RejectReason.UNPARSABLE, str(error)) from error
    if not event.id or not event.service or b"\\u0000" in (value or b""):
        raise Rejected(RejectReason.MISSING_FIELD, "no id or no service")
    return event


def parse_requests(values: Iterable[bytes | None]) -> tuple[list[RetrainEvent], list[Rejected]]:
    """What can be read, in order, and why the rest can't."""
    events: list[RetrainEvent] = []
    rejected: list[Rejected] = []
    for value in values:
        try:
            events.append(parse_request(value))
        except Rejected as error:
            rejected.append(error)
    return events, rejected
