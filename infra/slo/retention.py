"""How long counts are kept: minutes for the alerts, hours for the period, days for looking back."""

from __future__ import annotations

import math
from collections.abc import Iterable

from psycopg2.extensions import cursor as Cursor

from infra.store.slo import windows as slo_windows
from infra.store.slo.definitions import StoredSlo
from infra.store.slo.windows import Retention
from models.slo.definition import Slo
from models.slo.periods import period_bounds
from models.slo.rollups import Rollup
from models.timestamps import DAY_S, HOUR_S

SPARE_S = DAY_S
"""Kept beyond what is needed, so that a clock set wrong for a while, or samples that come late, cost nothing."""

DAYS_KEPT_S = 400 * DAY_S
"""A year can still be told when the next one has begun."""


SHORT_PERIOD_S = 7 * DAY_S
"""Shorter periods are forecast from minutes, so theirs are kept as long as the period."""


def minutes_from_s(slo: Slo, now_s: float) -> int:
    """The first minute of an SLO that is sure to be there."""
    period_s = slo.window.nominal_s
    return math.floor(now_s - max(*slo.shown_lengths, period_s if period_s < SHORT_PERIOD_S else 0) - SPARE_S)


def delete_old_counts(cursor: Cursor, stored: Iterable[StoredSlo], now_s: float) -> dict[Rollup, int]:
    """Delete the counts that no window and no period needs any more; how many rows of each level went."""
    return slo_windows.delete_old_counts(cursor, [_retention(each, now_s) for each in stored])


def _retention(stored: StoredSlo, now_s: float) -> Retention:
    slo = stored.slo
    period_s, _ = period_bounds(slo.window, now_s)
    hours_from_s = min(math.floor(period_s), minutes_from_s(slo, now_s)) - SPARE_S
    begins_within_hour = slo.window.calendar_start is not None and period_s % HOUR_S != 0
    return Retention(
        stored.id,
        minutes_from_s(slo, now_s),
        hours_from_s,
        min(math.floor(now_s) - DAYS_KEPT_S, hours_from_s),
        int(period_s // HOUR_S) * HOUR_S if begins_within_hour else None,
    )
