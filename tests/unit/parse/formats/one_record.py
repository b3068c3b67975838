"""One record read by one format, as the tests of formats want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Raw

from models.parse.collected import Collected
from models.parse.json_text import decode_members
from models.parse.known_series import KnownSeries
from models.parse.outcome import Limits
from models.reasons import RejectReason
from models.series import EntityRule

NOW_NS = 1_700_000_000 * 10**9
Outcome: TypeAlias = tuple[list[tuple[str, int, float]], list[tuple[RejectReason, str]]]
Read: TypeAlias = Callable[[bytes, Mapping[str, Raw], int, int, Collected], None]


def outcome(read: Read, body: bytes) -> Outcome:
    """Samples as (series text, event time, value), and rejects as (reason, detail)."""
    out = Collected(KnownSeries(Limits(), EntityRule(("service",), ("instance",), "host")))
    read(body, decode_members(body), 0, NOW_NS, out)
    texts = [out.known.book.texts[number] for number in out.series]
    samples = list(zip(texts, out.event_time_ns, out.values, strict=True))
    return samples, [(reject.reason, reject.detail) for reject in out.rejected_records.values()]
