"""Forecasts of error budgets in PostgreSQL: what they are made from, what they said, which are tickets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json

from models.names import Annotation
from models.slo.forecast.forecast import Forecast, History
from models.timestamps import SECOND_NS, from_datetime, to_datetime


@dataclass(frozen=True, slots=True)
class StoredForecast:
    """The newest forecast of one SLO.

    Attributes:
        forecast: None where nothing could be said.
        firing_since_ns: since when it is a ticket; None where it is none.
        annotations: of the ticket, as sent when it began.
    """

    slo_name: str
    service: str
    computed_ns: int
    forecast: Forecast | None
    firing_since_ns: int | None
    annotations: Mapping[Annotation, str]


def load(cursor: Cursor) -> list[StoredForecast]:
    """The newest forecast of every SLO that has one, by name."""
    cursor.execute(
        """SELECT slo_name, service, computed_at, firing_since, annotations, burn_rate, burn_rate_lower,
                  burn_rate_upper, extract(epoch FROM gone_at)::float8, extract(epoch FROM soonest_at)::float8,
                  extract(epoch FROM latest_at)::float8, extract(epoch FROM horizon_at)::float8
           FROM slo_forecast ORDER BY slo_name"""
    )
    return [
        StoredForecast(
            name,
            service,
            from_datetime(computed_at),
            None if told[0] is None else Forecast(*told),
            None if since is None else from_datetime(since),
            {Annotation(key): text for key, text in annotations.items()},
        )
        for name, service, computed_at, since, annotations, *told in cursor.fetchall()
    ]


def save(cursor: Cursor, stored: StoredForecast) -> None:
    """Replace what is known of one SLO."""
    told = stored.forecast
    values = (
        (None,) * 7
        if told is None
        else (
            told.burn_rate,
            told.burn_rate_lower,
            told.burn_rate_upper,
            *(None if at is None else to_datetime(int(at * SECOND_NS)) for at in (told.gone_s, told.soonest_s)),
            *(None if at is None else to_datetime(int(at * SECOND_NS)) for at in (told.latest_s, told.horizon_s)),
        )
    )
    cursor.execute(
        """INSERT INTO slo_forecast (slo_name, service, computed_at, firing_since, annotations, burn_rate,
               burn_rate_lower, burn_rate_upper, gone_at, soonest_at, latest_at, horizon_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (slo_name) DO UPDATE SET service = excluded.service, computed_at = excluded.computed_at,
               firing_since = excluded.firing_since, annotations = excluded.annotations,
               burn_rate = excluded.burn_rate, burn_rate_lower = excluded.burn_rate_lower,
               burn_rate_upper = excluded.burn_rate_upper, gone_at = excluded.gone_at,
               soonest_at = excluded.soonest_at, latest_at = excluded.latest_at, horizon_at = excluded.horizon_at""",
        (
            stored.slo_name,
            stored.service,
            to_datetime(stored.computed_ns),
            None if stored.firing_since_ns is None else to_datetime(stored.firing_since_ns),
            Json(dict(stored.annotations)),
            *values,
        ),
    )


def delete(cursor: Cursor, slo_names: Sequence[str]) -> None:
    """Forget the forecasts of SLOs that do not burn any more."""
    cursor.execute("DELETE FROM slo_forecast WHERE slo_name = ANY(%s)", (list(slo_names),))


def burning(cursor: Cursor) -> set[int]:
    """SLOs of which some window burned faster than allowed when they were evaluated last."""
    cursor.execute("SELECT DISTINCT slo_id FROM slo_status WHERE burn_rate > 1")
    return {int(row[0]) for row in cursor.fetchall()}


def history(cursor: Cursor, slo_id: int, from_s: float, to_s: float, part_s: int) -> History:
    """Counts of an SLO from `from_s` up to `to_s` (epoch seconds, exclusive) in parts of `part_s` seconds.

    Whole hours are read from where they are kept by the hour.
    """
    table, column = ("slo_hour", "hour") if part_s % 3600 == 0 else ("slo_minute", "minute")
    cursor.execute(
        f"""SELECT floor(extract(epoch FROM {column}) / %(part)s)::float8 * %(part)s, sum(good), sum(total)
            FROM {table} WHERE slo_id = %(slo)s AND {column} >= to_timestamp(%(from)s)
                AND {column} < to_timestamp(%(to)s)
            GROUP BY 1 ORDER BY 1""",
        {"part": part_s, "slo": slo_id, "from": from_s, "to": to_s},
    )
    rows = cursor.fetchall()
    columns = np.array(rows, np.float64).reshape(-1, 3).T
    return History(columns[0], columns[1], columns[2])
