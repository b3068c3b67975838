"""Why something was or was not sent: every decision counted per subject, with what it was taken on last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values

from models.timestamps import to_datetime


class Decided(NamedTuple):
    """A decision about a subject (unique within its kind) and the figures behind it."""

    subject: str
    decision: str
    detail: Mapping[str, Any]


def record(cursor: Cursor, kind: str, decided: Iterable[Decided], now_ns: int) -> None:
    """Count decisions inside the caller's transaction; a subject occurs at most once with one decision."""
    at = to_datetime(now_ns)
    execute_values(
        cursor,
        """INSERT INTO decision (kind, subject, decision, detail, first_at, last_at) VALUES %s
           ON CONFLICT (kind, subject, decision) DO UPDATE SET
               detail = excluded.detail, last_at = excluded.last_at, times = decision.times + 1""",
        [(kind, d.subject, d.decision, Json(dict(d.detail)), at, at) for d in decided],
        page_size=1000,
    )
