"""Records of the `alerts` topic: what can be read, and why the rest can't."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from models.errors import Rejected
from models.reasons import AlertState, RejectReason
from models.records import AlertEvent

_decoder = msgspec.json.Decoder(AlertEvent)


def parse_alert(value: bytes | None) -> AlertEvent:
    """The transition that a record of `alerts` holds.

    Raises:
        Rejected: not an alert event, a state or time that is none, or text that PostgreSQL can't hold (NUL).
    """
    try:
        event = _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Rejected(RejectReason.UNPARSABLE, str(error)) from error
    try:
        state = AlertState(event.state)
        times = [datetime.fromisoformat(time) for time in (event.starts_at, event.ends_at) if time is not None]
    except ValueError as error:
        raise Rejected(RejectReason.WRONG_TYPE, str(error)) from error
    if any(time.tzinfo is None for time in times):
        raise Rejected(RejectReason.BAD_TIMESTAMP, "a time without a zone")
    if state is AlertState.RESOLVED and event.ends_at is None:
        raise Rejected(RejectReason.MISSING_FIELD, "resolved, but no ends_at")
    if not event.labels or not event.fingerprint:
        raise Rejected(RejectReason.MISSING_FIELD, "no labels or no fingerprint: an alert without identity")
    if b"\\u0000" in (value or b""):
        raise Rejected(RejectReason.UNPARSABLE, "NUL in a text")
    return event


def parse_alerts(values: Iterable[bytes | None]) -> tuple[list[AlertEvent], list[Rejected]]:
    """What can be read, in order, and why the rest can't."""
    events: list[AlertEvent] = []
    rejected: list[Rejected] = []
    for value in values:
        try:
            events.append(parse_alert(value))
        except Rejected as error:
            rejected.append(error)
    return events, rejected
