"""A database with many SLOs and a past, laid out as the live system leaves it."""

from __future__ import annotations

from infra.store.database import Database
from infra.store.slo import definitions as slos
from models.sli.binding import LabelMatcher, MatchOp, ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.timestamps import DAY_S, HOUR_S

NOW_S = 1_780_000_020 // HOUR_S * HOUR_S + 34 * 60 + 25
"""Within an hour, so that windows have ragged ends."""

SERVICES = 100
HOURS_KEPT = 32 * 24
EPISODES = 20_000
"""Anomalies of 400 days: each service has one in two days."""


def fill(database: Database, n_slos: int, days: int, *, every_minute: bool) -> None:
    """`n_slos` SLOs over 30 days, counted for so many days: 100 events a minute, fewer of them bad than allowed.

    Args:
        every_minute: the four days of minutes that retention keeps; else the hours of minutes that windows read now.
    """
    with database.transaction() as cursor:
        slos.apply(cursor, [_slo(number) for number in range(n_slos)], changed_by="benchmark")
        cursor.execute("SET LOCAL session_replication_role = replica")  # rolled up here, in one go
        parameters = {"now": NOW_S, "days": days, "hours": min(days * 24, HOURS_KEPT), "minutes": 4 * DAY_S // 60}
        read = "" if every_minute else "WHERE n < 180 OR n / 60 IN (5, 6, 23, 24, 71, 72)"
        cursor.execute(
            f"""INSERT INTO slo_minute
                SELECT id, date_trunc('minute', to_timestamp(%(now)s)) - n * interval '1 minute',
                       100 - (hashint4(id * 7919 + n) %% 25 = 0)::int, 100
                FROM generate_series(%(minutes)s, 0, -1) AS n CROSS JOIN slo {read}""",
            parameters,
        )
        for level, n in (("hour", "hours"), ("day", "days")):
            cursor.execute(
                f"""INSERT INTO slo_{level} (slo_id, {level}, good, total, minutes)
                    SELECT id, date_trunc('{level}', to_timestamp(%(now)s), 'UTC') - n * interval '1 {level}',
                           minutes * 99.96, minutes * 100, minutes
                    FROM generate_series(%({n})s, 0, -1) AS n CROSS JOIN slo,
                         LATERAL (SELECT extract(epoch FROM interval '1 {level}') / 60 AS minutes) AS of""",
                parameters,
            )
        cursor.execute(
            """INSERT INTO anomaly (id, service, entity, started_at, ended_at, peak_score, peak_at, cause_metric,
                                    causes, model_version, series)
               SELECT n, service, service || '/i-1', at, at + interval '9 min', 2, at, 'latency_ms',
                      '[["latency_ms", 1.0]]', '1',
                      '[{"metric": "latency_ms", "part": 1.0, "onset_ns": 0, "value": 1.0}]'
               FROM generate_series(1, %(episodes)s) AS n,
                    LATERAL (SELECT 'service-' || n %% %(services)s AS service,
                                    to_timestamp(%(now)s) - n * interval '400 days' / %(episodes)s AS at) AS of""",
            parameters | {"services": SERVICES, "episodes": EPISODES},
        )
    connection = database.connection()
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.autocommit = False


def _slo(number: int) -> Slo:
    service = f"service-{number % SERVICES}"
    matchers = (LabelMatcher("service", MatchOp.EQUAL, service),)
    indicator = ThresholdIndicator(MetricQuery(f"latency_{number}_ms", matchers), ThresholdOp.LTE, 400.0)
    return Slo(f"slo-{number}", service, 0.999, TimeWindow(30, WindowUnit.DAY), indicator)
