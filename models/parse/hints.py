"""What to change where samples are refused, by reason: for who reads dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from models.reasons import RejectReason

HINTS: Final[Mapping[RejectReason, str]] = {
    RejectReason.UNPARSABLE: "the body is broken or of a format that is not read: see docs/connect",
    RejectReason.UNKNOWN_FORMAT: "JSON of another program: send one of the forms in docs/connect",
    RejectReason.WRONG_TYPE: "a member has another type than it should: numbers without quotes, labels as texts",
    RejectReason.MISSING_FIELD: "the metric's name or its value is not there",
    RejectReason.UNKNOWN_MEMBER: "a member that is not known: labels go into `labels`, the time into `timestamp`",
    RejectReason.NOT_FINITE: "NaN or infinite: leave the sample out where there is no value",
    RejectReason.VALUE_TOO_LARGE: "the value is beyond what sums can hold: check its unit",
    RejectReason.IN_THE_FUTURE: "the producer's clock is ahead: let it follow NTP; TIDEWATCH_MAX_FUTURE_S is the limit",
    RejectReason.TOO_OLD: "older than TIDEWATCH_MAX_AGE_S: a backfill needs a larger one, or --shift-to-now",
    RejectReason.BAD_TIMESTAMP: "write RFC 3339 with an offset from UTC, or epoch seconds, ms, us or ns",
    RejectReason.BAD_NAME: "a name has characters that no metric or label name may have",
    RejectReason.NAME_TOO_LONG: "a name is longer than the stores behind can hold: shorten service, instance or labels",
    RejectReason.TOO_LARGE: "the record is larger than TIDEWATCH_MAX_RECORD_BYTES: send fewer samples a record",
    RejectReason.TOO_MANY_LABELS: "more labels than TIDEWATCH_MAX_LABELS: drop those that nobody asks for",
    RejectReason.TOO_MANY_SERIES: "a label takes ever new values (an id, a path): drop it, or raise the limit",
    RejectReason.UNSTORABLE: "no store behind took these samples: the detail says which and why; tell its maintainers",
    RejectReason.TOO_MANY_SERVICES: "the service label takes ever new values: name another, TIDEWATCH_SERVICE_LABELS",
}
"""One sentence a reason; a test holds that none is without."""
