"""What was counted for SLOs in PostgreSQL: sums over windows, retention, and what the SLO clock last made of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg2.extensions import cursor as Cursor

from models.slo.definition import Slices
from models.slo.rollups import Rollup, RollupRange, read_plan
from models.timestamps import HOUR_S, to_datetime

PERIOD: str = "period"
"""`burn_window` of the row of `slo_status` that is about the whole period."""


@dataclass(frozen=True, slots=True)
class WindowGroup:
    """SLOs whose windows begin at the same moments and count the same unit.

    Attributes:
        slo_ids: rows of table `slo`.
        starts_s: begin of each window, epoch seconds.
        end_s: end of all of them, excluded.
    """

    slo_ids: tuple[int, ...]
    starts_s: tuple[int, ...]
    end_s: int
    slices: Slices | None = None


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Sums of every SLO and window of a group.

    Attributes:
        good, total: float64 `(n_slos, n_windows)`, events or slices.
        covered: float64 of the same shape, minutes (or slices) with telemetry.
        newest_s: float64 `(n_slos,)`, the newest minute (or the hour or day that holds it) in which each counted an
            event, epoch seconds; -inf if none.
    """

    good: NDArray[np.float64]
    total: NDArray[np.float64]
    covered: NDArray[np.float64]
    newest_s: NDArray[np.float64]


# every range of time is read for all SLOs of a group at once: what they counted in one minute lies side by side
_EVENTS = """
    SELECT slo_id, sum(good), sum(total), {covered}, extract(epoch FROM max({level}) FILTER (WHERE total > 0))::float8
    FROM slo_{level}
    WHERE slo_id = ANY(%(ids)s) AND {level} >= to_timestamp(%(from)s) AND {level} < to_timestamp(%(to)s)
    GROUP BY slo_id"""
_SLICES = """
    SELECT slo_id, sum(CASE WHEN total <= 0 THEN 1
                            WHEN %(target)s::float8 IS NULL THEN greatest(least(good / total, 1), 0)
                            WHEN good >= %(target)s * total THEN 1 ELSE 0 END), count(*), count(*), max(newest)
    FROM (SELECT slo_id, sum(good) AS good, sum(total) AS total,
                 extract(epoch FROM max(minute) FILTER (WHERE total > 0))::float8 AS newest
          FROM slo_minute
          WHERE slo_id = ANY(%(ids)s) AND minute >= to_timestamp(%(from)s) AND minute < to_timestamp(%(to)s)
          GROUP BY slo_id, floor(extract(epoch FROM minute) / %(slice)s)) AS slices
    GROUP BY slo_id"""
QUERIES: Final = {
    Rollup.MINUTE: _EVENTS.format(level="minute", covered="count(*)"),
    Rollup.HOUR: _EVENTS.format(level="hour", covered="sum(minutes)"),
    Rollup.DAY: _EVENTS.format(level="day", covered="sum(minutes)"),
}
SLICE_QUERIES: Final = {
    Rollup.MINUTE: _SLICES,
    Rollup.HOUR: _EVENTS.format(level="hour", covered="sum(total)"),
    Rollup.DAY: _EVENTS.format(level="day", covered="sum(total)"),
}


_IN_SPANS = """
    FROM unnest(%(from)s::bigint[], %(to)s::bigint[]) AS span (from_s, to_s)
    JOIN slo_minute ON slo_id = %(id)s AND minute >= to_timestamp(from_s) AND minute < to_timestamp(to_s)"""
UNITS: Final = f"SELECT extract(epoch FROM minute), good, total {_IN_SPANS} ORDER BY minute"
SLICE_UNITS: Final = f"""
    SELECT start_s, CASE WHEN total <= 0 THEN 1
                         WHEN %(target)s::float8 IS NULL THEN greatest(least(good / total, 1), 0)
                         WHEN good >= %(target)s * total THEN 1 ELSE 0 END, 1
    FROM (SELECT floor(extract(epoch FROM minute) / %(slice)s) * %(slice)s AS start_s, sum(good) AS good,
                 sum(total) AS total
          {_IN_SPANS} GROUP BY 1) AS slices
    ORDER BY start_s"""
"""Minutes, or slices, of one SLO in several spans of time; slices lie in them as a whole."""


def read_group(cursor: Cursor, group: WindowGroup) -> GroupSums:
    """Counts of every window of every SLO of a group: a query for each range that `rollups.read_plan` names."""
    ids = np.array(group.slo_ids, np.int64)
    order = np.argsort(ids)
    ranges, members = read_plan(group.starts_s, group.end_s)
    sums = np.zeros((3, len(ids), len(ranges)))
    newest_s = np.full(len(ids), -math.inf)
    queries = SLICE_QUERIES if group.slices else QUERIES
    for number, read_range in enumerate(ranges):
        cursor.execute(queries[read_range.rollup], range_parameters(group, read_range))
        found = cursor.fetchall()
        if found:
            columns = np.array(found, np.float64).T  # NULL becomes NaN
            rows = order[np.searchsorted(ids, columns[0].astype(np.int64), sorter=order)]
            sums[:, rows, number] = columns[1:4]
            newest_s[rows] = np.fmax(newest_s[rows], columns[4])
    good, total, covered = sums @ members.T.astype(float)
    return GroupSums(good, total, covered, newest_s)


def range_parameters(group: WindowGroup, read_range: RollupRange) -> dict[str, Any]:
    """What the query of a range is given."""
    slices = group.slices
    return {
        "ids": list(group.slo_ids),
        "from": read_range.from_s,
        "to": read_range.to_s,
        "slice": slices.length_s if slices else None,
        "target": slices.target_ratio if slices else None,
    }


def read_first_counted(cursor: Cursor, slo_ids: Sequence[int]) -> dict[int, float]:
    """When each SLO was first counted, epoch seconds: to the minute, or to the hour where its minutes are gone."""
    cursor.execute(
        """SELECT id, extract(epoch FROM least(m.first, CASE WHEN h.first < date_trunc('hour', m.first, 'UTC')
                                                             OR m.first IS NULL THEN h.first END))
           FROM unnest(%s::integer[]) AS asked (id)
           CROSS JOIN LATERAL (SELECT min(minute) AS first FROM slo_minute WHERE slo_id = asked.id) AS m
           CROSS JOIN LATERAL (SELECT min(hour) AS first FROM slo_hour WHERE slo_id = asked.id) AS h""",
        (list(slo_ids),),
    )
    return {slo_id: float(first) for slo_id, first in cursor.fetchall() if first is not None}


def read_minutes(cursor: Cursor, slo_id: int, from_s: int, to_s: int) -> list[tuple[int, float, float]]:
    """Minutes of one SLO that begin in `[from_s, to_s]`, in order: (epoch seconds, good, total)."""
    cursor.execute(
        """SELECT extract(epoch FROM minute)::bigint, good, total FROM slo_minute
           WHERE slo_id = %s AND minute BETWEEN to_timestamp(%s) AND to_timestamp(%s) ORDER BY minute""",
        (slo_id, from_s, to_s),
    )
    return [(int(minute), good, total) for minute, good, total in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class WindowStatus:
    """A row of `slo_status`: ratios are NaN where there were no events, the budget is None but for PERIOD."""

    slo_id: int
    burn_window: str
    error_ratio: float
    burn_rate: float
    budget_remaining_ratio: float | None


def write_status(cursor: Cursor, rows: Sequence[WindowStatus]) -> None:
    """Insert or replace these rows."""
    cursor.execute(
        """INSERT INTO slo_status (slo_id, burn_window, error_ratio, burn_rate, budget_remaining_ratio, evaluated_at)
           SELECT slo_id, burn_window, error_ratio, burn_rate, budget, now()
           FROM unnest(%s::integer[], %s::text[], %s::float8[], %s::float8[], %s::float8[])
               AS seen (slo_id, burn_window, error_ratio, burn_rate, budget)
           ON CONFLICT (slo_id, burn_window) DO UPDATE SET error_ratio = excluded.error_ratio,
               burn_rate = excluded.burn_rate, budget_remaining_ratio = excluded.budget_remaining_ratio,
               evaluated_at = excluded.evaluated_at""",
        (
            [row.slo_id for row in rows],
            [row.burn_window for row in rows],
            [_known(row.error_ratio) for row in rows],
            [_known(row.burn_rate) for row in rows],
            [_known(row.budget_remaining_ratio) for row in rows],
        ),
    )


def keep_status(cursor: Cursor, keys: Iterable[tuple[int, str]]) -> None:
    """Delete the status of every SLO and window but these."""
    kept = list(keys)
    cursor.execute(
        """DELETE FROM slo_status WHERE NOT EXISTS (
               SELECT FROM unnest(%s::integer[], %s::text[]) AS kept (slo_id, burn_window)
               WHERE kept.slo_id = slo_status.slo_id AND kept.burn_window = slo_status.burn_window)""",
        ([slo_id for slo_id, _ in kept], [burn_window for _, burn_window in kept]),
    )


def note_evaluation(cursor: Cursor, now_ns: int) -> None:
    """Remember when the last evaluation was: what it found unchanged is as fresh as what it wrote."""
    cursor.execute(
        """INSERT INTO slo_evaluation (evaluated_at) VALUES (%s)
           ON CONFLICT (only_row) DO UPDATE SET evaluated_at = excluded.evaluated_at""",
        (to_datetime(now_ns),),
    )


def _known(ratio: float | None) -> float | None:
    return None if ratio is None or math.isnan(ratio) else ratio


@dataclass(frozen=True, slots=True)
class Retention:
    """From when on counts of one SLO are kept, by rollup; epoch seconds.

    Attributes:
        hour_kept_s: an hour whose minutes are kept although they are older, since a calendar's period begins in it.
    """

    slo_id: int
    minutes_from_s: int
    hours_from_s: int
    days_from_s: int
    hour_kept_s: int | None = None


_NEEDED = """
    AND date_trunc('hour', minute, 'UTC') <> to_timestamp(kept_s)
    AND NOT EXISTS (SELECT FROM slo JOIN slo_exception AS e ON e.slo_name = slo.name
                    WHERE slo.id = slo_minute.slo_id AND e.kind <> 'silence' AND e.ends_at IS DISTINCT FROM e.starts_at
                        AND minute >= e.starts_at - interval '1 hour'
                        AND minute < coalesce(e.ends_at, 'infinity') + interval '1 hour'
                        AND minute >= to_timestamp(hours_s))"""
"""Minutes that are excluded from a budget are kept as long as its hours are, to be taken out of them."""


def delete_old_counts(cursor: Cursor, retention: Sequence[Retention]) -> dict[Rollup, int]:
    """Delete what is older than its rollup's retention; how many rows of each rollup went."""
    ids = [r.slo_id for r in retention]
    kept = [-HOUR_S if r.hour_kept_s is None else r.hour_kept_s for r in retention]
    bounds = {
        Rollup.MINUTE: [r.minutes_from_s for r in retention],
        Rollup.HOUR: [r.hours_from_s for r in retention],
        Rollup.DAY: [r.days_from_s for r in retention],
    }
    deleted = {}
    for level, starts in bounds.items():
        but = _NEEDED if level is Rollup.MINUTE else ""
        cursor.execute(
            f"""DELETE FROM slo_{level} USING unnest(%s::integer[], %s::bigint[], %s::bigint[], %s::bigint[])
                    AS kept (slo_id, start_s, kept_s, hours_s)
                WHERE slo_{level}.slo_id = kept.slo_id AND {level} < to_timestamp(kept.start_s) {but}""",
            (ids, starts, kept, [math.floor(start_s) for start_s in bounds[Rollup.HOUR]]),
        )
        deleted[level] = cursor.rowcount
    return deleted
