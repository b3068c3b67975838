"""Records of the `alerts` topic that are alerts, and those that are not."""

from __future__ import annotations

import msgspec
import pytest

from models.alerting.alert_record import parse_alert, parse_alerts
from models.errors import Rejected
from models.reasons import RejectReason
from tests.unit.alerting.test_alert import event


def changed(**fields: object) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(event()) | fields)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, RejectReason.UNPARSABLE, id="a tombstone"),
        pytest.param(b"\xff\xfe", RejectReason.UNPARSABLE, id="no text"),
        pytest.param(b'{"id": "x"}', RejectReason.UNPARSABLE, id="fields missing"),
        pytest.param(changed(state="pending"), RejectReason.WRONG_TYPE, id="a state that alerts do not have"),
        pytest.param(changed(starts_at="noon"), RejectReason.WRONG_TYPE, id="a time that is none"),
        pytest.param(changed(starts_at="2026-11-20T10:00:00"), RejectReason.BAD_TIMESTAMP, id="a time without a zone"),
        pytest.param(changed(state="resolved"), RejectReason.MISSING_FIELD, id="resolved, nobody knows when"),
        pytest.param(changed(labels={}), RejectReason.MISSING_FIELD, id="no identity"),
        pytest.param(changed(annotations={"summary": "a\0b"}), RejectReason.UNPARSABLE, id="NUL, which no jsonb holds"),
    ],
)
def test_a_record_that_is_no_alert_is_rejected_with_its_reason_and_the_others_are_read(
    value: bytes | None, reason: RejectReason
) -> None:
    with pytest.raises(Rejected) as told:
        parse_alert(value)
    assert told.value.reason is reason
    events, rejected = parse_alerts([changed(), value, changed()])
    assert events == [event(), event()]
    assert [error.reason for error in rejected] == [reason]
