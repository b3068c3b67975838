"""Records of the `retrain` topic that are requests, and those that are not."""

from __future__ import annotations

import msgspec
import pytest

from models.errors import Rejected
from models.reasons import RejectReason
from models.records import RetrainEvent
from models.training.request_record import parse_request, parse_requests

REQUEST = RetrainEvent("drift:1", "checkout", "drift", {"rows": 240}, "2026-05-28T20:27:00Z")


def changed(**fields: object) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(REQUEST) | fields)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, RejectReason.UNPARSABLE, id="a tombstone"),
        pytest.param(b"no request", RejectReason.UNPARSABLE, id="no JSON"),
        pytest.param(b"\xff", RejectReason.UNPARSABLE, id="no text"),
        pytest.param(changed(reason="mood"), RejectReason.UNPARSABLE, id="a reason that is none"),
        pytest.param(changed(id=""), RejectReason.MISSING_FIELD, id="no id"),
        pytest.param(changed(service=""), RejectReason.MISSING_FIELD, id="no service"),
        pytest.param(changed(service="a\0b"), RejectReason.MISSING_FIELD, id="NUL, which no text of PostgreSQL holds"),
    ],
)
def test_what_is_no_request_is_rejected_and_the_others_are_read(value: bytes | None, reason: RejectReason) -> None:
    with pytest.raises(Rejected) as told:
        parse_request(value)
    assert told.value.reason is reason
    events, rejected = parse_requests([changed(), value, changed()])
    assert events == [REQUEST, REQUEST]
    assert [error.reason for error in rejected] == [reason]
