"""Every query of the dashboards against a real Prometheus and PostgreSQL that hold what workers export and store."""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.grafana.answers import QueryAnswer, ask
from infra.grafana.queries import Query, QueryKind, dashboard_queries
from infra.local.services.prometheus import Prometheus
from infra.store.database import Database
from models.errors import Misconfigured, Unavailable
from models.names import Metric

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: install `prometheus`"),
]

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(minutes=10)
SCRAPE_S = 5
ENTITY = 'service="checkout",entity="checkout/i-1"'


def wave(tick: int) -> float:
    return 0.5 + 0.4 * math.sin(tick / 10)


# what a worker exports, and its value at the n-th scrape
EXPORTED: dict[str, Callable[[int], float]] = {
    f"{Metric.ANOMALY_SCORE}{{{ENTITY}}}": wave,
    f"{Metric.VALUE}{{{ENTITY}}}": lambda n: 200 + 40 * wave(n),
    f"{Metric.EXPECTED}{{{ENTITY}}}": lambda n: 210.0,
    f"{Metric.EXPECTED_LOWER}{{{ENTITY}}}": lambda n: 190.0,
    f"{Metric.EXPECTED_UPPER}{{{ENTITY}}}": lambda n: 230.0,
    f"{Metric.SAMPLES}": lambda n: 500.0 * n,
    f"{Metric.ROWS_SCORED}": lambda n: 60.0 * n,
    f'{Metric.CONSUMER_LAG}{{topic="metrics",partition="0"}}': lambda n: 12.0,
    f"{Metric.ENTITIES}": lambda n: 3.0,
    f'{Metric.SLO_BUDGET_REMAINING}{{service="checkout",slo="latency"}}': lambda n: 0.8,
    f'{Metric.SLO_BURN_RATE}{{service="checkout",slo="latency",burn_window="5m"}}': lambda n: 2.0,
    f'{Metric.SCORE_AGE_SECONDS}_bucket{{le="0.5"}}': lambda n: 5.0 * n,
    f'{Metric.SCORE_AGE_SECONDS}_bucket{{le="+Inf"}}': lambda n: 6.0 * n,
    f'{Metric.BATCH_SECONDS}_bucket{{agent="watch",le="0.1"}}': lambda n: 5.0 * n,
    f'{Metric.BATCH_SECONDS}_bucket{{agent="watch",le="+Inf"}}': lambda n: 6.0 * n,
    f'{Metric.DEPENDENCY_UP}{{dependency="kafka"}}': lambda n: 1.0,
    f'{Metric.ALERT_DECISIONS}{{kind="slo",decision="fired"}}': lambda n: 1.0 * n,
    f'{Metric.MODEL_INFO}{{service="checkout",version="3"}}': lambda n: 1.0,
}

STORED = """
INSERT INTO anomaly VALUES ('a1', 'checkout', 'checkout/i-1', now() - interval '3 min', NULL, 1.8, now(), 'latency_ms',
    '[["latency_ms", 0.7], ["errors_total", 0.3]]', 412, 210, 190, 230, '3');
INSERT INTO drift VALUES ('d1', 'checkout', 'checkout/i-1', 'latency_ms', 'adwin', 41.5, 600, now() - interval '2 min');
INSERT INTO alert (fingerprint, labels, annotations, state, starts_at, event_id) VALUES ('f1',
    '{"alertname": "SLOBurnRate", "service": "checkout", "severity": "page", "slo": "latency"}',
    '{"summary": "checkout burns its budget", "causes": "latency_ms"}', 'firing', now() - interval '2 min', 'e1');
INSERT INTO training (id, service, reason, asked_at, started_at, finished_at, outcome, version) VALUES
    ('t1', 'checkout', 'drift', now() - interval '3 min', now() - interval '2 min', now(), 'promoted', '3');
INSERT INTO burn_alert (fingerprint, started_at, service, slo_name, severity, burn_window, causes, explained_at) VALUES
    ('f1', now() - interval '2 min', 'checkout', 'latency', 'page', '1h', '[{"metric": "latency_ms", "part": 0.7,
    "service": "checkout", "entity": "checkout/i-1", "value": 412, "lead_s": 60}]', now());
INSERT INTO slo_forecast (slo_name, service, computed_at, burn_rate, gone_at) VALUES
    ('latency', 'checkout', now(), 2.5, now() + interval '3 days');
INSERT INTO feedback (verdict, service, entity, starts_at, ends_at, marked_at, marked_by) VALUES
    ('missed', 'checkout', 'checkout/i-2', now() - interval '9 min', now() - interval '8 min', now(), 'ann');
INSERT INTO slo (name, service, target_ratio, document) VALUES ('latency', 'checkout', 0.99, '{}');
INSERT INTO slo_exception (slo_name, kind, starts_at, ends_at, reason, made_by) VALUES
    ('latency', 'maintenance', now() - interval '5 min', now() - interval '4 min', 'new disks', 'ann');
INSERT INTO serving VALUES ('checkout', '3', repeat('ab', 32), 'mlflow-artifacts:/1', now() - interval '1 min');
"""


@pytest.fixture(scope="module")
def prometheus_url(services_home: Path) -> Iterator[str]:
    """A real Prometheus whose storage was filled with ten minutes of scrapes before it started."""
    try:
        server = Prometheus(services_home, wanted_port=0)
    except Misconfigured as error:
        pytest.skip(str(error))
    server.prepare()
    history = services_home / "history.txt"
    times = [START.timestamp() + n * SCRAPE_S for n in range(int((NOW - START).total_seconds()) // SCRAPE_S + 1)]
    lines = [f"{name} {value(n)} {at}" for name, value in EXPORTED.items() for n, at in enumerate(times)]
    history.write_text("\n".join([*lines, "# EOF\n"]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", history, services_home / "prometheus" / "data"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def filled(database: Database) -> Database:
    with database.transaction() as cursor:
        # the time of the history that Prometheus was filled with, however long other tests took since
        cursor.execute(STORED.replace("now()", f"'{NOW.isoformat()}'::timestamptz"))
    return database


def test_every_query_of_the_dashboards_has_an_answer(prometheus_url: str, filled: Database) -> None:
    answers = ask(dashboard_queries(), prometheus_url, filled, START, NOW + timedelta(seconds=30))
    problems = [answer.problem for answer in answers if answer.problem]
    assert not problems, "\n".join(problems)


def answer_to(query: Query, prometheus_url: str, database: Database) -> QueryAnswer:
    variables = [query for query in dashboard_queries() if query.kind is QueryKind.LABEL_VALUES]
    return ask([*variables, query], prometheus_url, database, START, NOW + timedelta(seconds=30))[-1]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        pytest.param(
            Query("p", QueryKind.RANGE, "tidewatch_no_such_series"), "empty answer", id="a series nobody exports"
        ),
        pytest.param(Query("p", QueryKind.RANGE, "sum(tidewatch_entities"), "parse error", id="PromQL that is none"),
        pytest.param(Query("p", QueryKind.INSTANT, "0 * tidewatch_entities / 0"), "empty answer", id="nothing but NaN"),
        pytest.param(Query("p", QueryKind.SQL, "SELECT colour FROM alert"), "does not exist", id="a column not there"),
        pytest.param(Query("p", QueryKind.SQL, "SELECT 1 FROM outbox"), "empty answer", id="a table without rows"),
        pytest.param(Query("p", QueryKind.SQL, "DELETE FROM alert"), "read-only", id="SQL that would change something"),
    ],
)
def test_what_would_break_a_panel_is_a_problem(
    query: Query, problem: str, prometheus_url: str, filled: Database
) -> None:
    assert problem in answer_to(query, prometheus_url, filled).problem


def test_a_prometheus_that_is_not_there_is_unavailable(filled: Database) -> None:
    with pytest.raises(Unavailable):
        ask(dashboard_queries(), "http://127.0.0.1:9", filled, START, NOW)
