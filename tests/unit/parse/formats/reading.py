"""A record through the parser, as rows that tests can write down in full."""

from __future__ import annotations

from models.parse import Limits, Parsed, Parser
from models.series import EntityRule, MetricKind

NOW_S = 1_763_632_800  # 2025-11-20T10:00:00Z
NOW_NS = NOW_S * 10**9
RULE = EntityRule(("service", "service.name", "job"), ("instance", "host", "host.name"), "host")


def parse(record: bytes, limits: Limits | None = None) -> Parsed:
    return Parser(limits or Limits(), RULE).parse([record], [NOW_NS])


def samples(parsed: Parsed) -> list[tuple[str, float, int]]:
    """Series, value, and seconds from the record's own time."""
    columns = parsed.columns
    ids = [columns.series_ids[number] for number in columns.series]
    seconds = [(time_ns - NOW_NS) // 10**9 for time_ns in columns.event_time_ns.tolist()]
    return list(zip(ids, columns.values.tolist(), seconds, strict=True))


def kinds(parsed: Parsed) -> dict[str, MetricKind]:
    return dict(zip(parsed.book.texts, parsed.book.kinds, strict=True))
