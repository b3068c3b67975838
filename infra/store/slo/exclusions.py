"""Exceptions of SLOs in PostgreSQL, and what was counted while they lasted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from psycopg2.extensions import cursor as Cursor

from infra.store.slo.windows import SLICE_UNITS, UNITS
from models.slo.definition import Slo
from models.slo.exclusions import ExcludedRange, ExclusionKind, SloExclusion, Units
from models.timestamps import from_datetime, to_datetime

_COLUMNS = "id, slo_name, kind, starts_at, ends_at, reason, made_by"


def insert(cursor: Cursor, made: SloExclusion) -> SloExclusion:
    """Store an exception, whatever its `id`; it with its id."""
    cursor.execute(
        f"INSERT INTO slo_exception (slo_name, kind, starts_at, ends_at, reason, made_by)"
        f" VALUES (%s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (
            made.slo_name,
            made.kind.value,
            to_datetime(made.start_ns),
            None if made.end_ns is None else to_datetime(made.end_ns),
            made.reason,
            made.made_by,
        ),
    )
    return _exceptions(cursor)[0]


def end(cursor: Cursor, exception_id: int, now_ns: int) -> SloExclusion | None:
    """End an exception now, or before it began; as it was before, None where it is over or not there."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM slo_exception WHERE id = %s AND (ends_at IS NULL OR ends_at > %s) FOR UPDATE",
        (exception_id, to_datetime(now_ns)),
    )
    found = _exceptions(cursor)
    if not found:
        return None
    cursor.execute(
        "UPDATE slo_exception SET ends_at = greatest(starts_at, %s) WHERE id = %s", (to_datetime(now_ns), exception_id)
    )
    return found[0]


def load(cursor: Cursor, slo_names: Sequence[str] | None = None) -> dict[str, list[SloExclusion]]:
    """Exceptions by SLO in order of their begin, of all SLOs or some; those that never took place are left out."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM slo_exception WHERE (%(names)s::text[] IS NULL OR slo_name = ANY(%(names)s))"
        " AND (ends_at IS NULL OR ends_at > starts_at) ORDER BY starts_at, id",
        {"names": None if slo_names is None else list(slo_names)},
    )
    found: dict[str, list[SloExclusion]] = {}
    for exclusion in _exceptions(cursor):
        found.setdefault(exclusion.slo_name, []).append(exclusion)
    return found


def counted_in(cursor: Cursor, slo_id: int, slo: Slo, spans: Sequence[ExcludedRange], from_s: int) -> Units:
    """Minutes of an SLO, or its slices, that lie in some spans and begin at or after a moment."""
    slices = slo.slices
    cursor.execute(
        SLICE_UNITS if slices else UNITS,
        {
            "id": slo_id,
            "from": [max(span.from_s, from_s) for span in spans],
            "to": [span.to_s for span in spans],
            "slice": slices.length_s if slices else None,
            "target": slices.target_ratio if slices else None,
        },
    )
    rows = np.array(cursor.fetchall(), np.float64).reshape(-1, 3)
    return Units(rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2])


def _exceptions(cursor: Cursor) -> list[SloExclusion]:
    return [
        SloExclusion(
            int(id_),
            name,
            ExclusionKind(kind),
            from_datetime(start),
            None if end is None else from_datetime(end),
            reason,
            made_by,
        )
        for id_, name, kind, start, end, reason, made_by in cursor.fetchall()
    ]
