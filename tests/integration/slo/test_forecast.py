"""Forecast tickets on a real database: begin once, go on while true, end, and are told by the command."""

from __future__ import annotations

import json

import msgspec
import pytest
from psycopg2.extras import execute_values
from typer.testing import CliRunner

from infra.cli.slo.commands import app
from infra.slo.evaluate import SloEvaluator
from infra.slo.forecast import forecast_budgets
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.slo.summaries import read_summaries
from models.alerting.alert import Links
from models.reasons import AlertDecision
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slices, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from tests.clock import ManualClock

pytestmark = pytest.mark.integration

LINKS = Links("http://grafana:3000", "https://runbooks")
START_S = 1_780_000_200 // 3600 * 3600
INDICATOR = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
SLO = Slo("latency", "checkout", 0.99, TimeWindow(30, WindowUnit.DAY), INDICATOR)


def count(database: Database, first_hour: int, last_hour: int, burn: float) -> None:
    """One count every ten minutes of these hours, burning so many times too fast."""
    with database.transaction() as cursor:
        cursor.execute("SELECT id FROM slo")
        row = cursor.fetchone()
        assert row is not None
        rows = [
            (row[0], START_S + hour * 3600 + minute * 600, 10_000 * (1 - burn * 0.01), 10_000)
            for hour in range(first_hour, last_hour)
            for minute in range(6)
        ]
        execute_values(cursor, "INSERT INTO slo_minute VALUES %s", rows, template="(%s, to_timestamp(%s), %s, %s)")


def turn(database: Database, hour: float) -> list[tuple[str, str]]:
    """Evaluate and forecast at this hour; state and summary of the forecast's transitions."""
    now_ns = int((START_S + hour * 3600) * 1e9)
    SloEvaluator(database, LINKS, ManualClock().steady_s).evaluate(now_ns)
    return [(e.state, e.annotations["summary"]) for e in forecast_budgets(database, LINKS, now_ns).transitions]


@pytest.fixture
def burning(database: Database) -> Database:
    """300 quiet hours and a day that burns four times too fast."""
    with database.transaction() as cursor:
        slos.apply(cursor, [SLO], changed_by="test")
    count(database, 0, 300, 0.7)
    count(database, 300, 324, 4.0)
    return database


def test_a_ticket_begins_once_and_ends_when_the_burn_does(burning: Database) -> None:
    (begun,) = turn(burning, 324)
    assert begun[0] == "firing"
    assert begun[1].startswith("checkout: at the present burn the error budget of latency is gone in ")
    assert turn(burning, 324.1) == []
    count(burning, 324, 348, 0.1)
    (over,) = turn(burning, 348)
    assert over == ("resolved", "checkout: the error budget of latency no longer runs out before the period ends")
    with burning.transaction() as cursor:
        cursor.execute("SELECT decision FROM decision WHERE kind = 'forecast' ORDER BY decision")
        told = [row[0] for row in cursor.fetchall()]
    assert {AlertDecision.FIRED.value, AlertDecision.RENEWED.value, AlertDecision.RESOLVED.value} <= set(told)


def test_a_ticket_that_came_true_goes_on_and_one_whose_slo_is_removed_ends(burning: Database) -> None:
    turn(burning, 324)
    count(burning, 324, 480, 4.0)
    assert turn(burning, 480) == []
    with burning.transaction() as cursor:
        slos.apply(cursor, [], changed_by="test", remove_others=True)
    (over,) = turn(burning, 480.1)
    assert over[0] == "resolved"
    assert turn(burning, 480.2) == []


@pytest.mark.parametrize("days", [1, 3, 7, 30])
def test_a_budget_of_slices_is_forecast_in_slices_whatever_the_period(database: Database, days: int) -> None:
    window, slices = TimeWindow(days, WindowUnit.DAY), Slices(300, 0.95)
    sliced = msgspec.structs.replace(SLO, window=window, slices=slices, target_ratio=0.9)
    first_s, last_s = START_S, START_S + days * 86_400
    # in the last quarter every fifth slice has a bad minute: of events one in 25, of slices one in five
    with database.transaction() as cursor:
        slos.apply(cursor, [sliced], changed_by="test")
        cursor.execute(
            """INSERT INTO slo_minute
               SELECT id, to_timestamp(at), CASE WHEN at >= %(burns)s AND at %% 1500 = 0 THEN 0 ELSE 100 END, 100
               FROM slo, generate_series(%(first)s, %(last)s - 60, 60) AS at""",
            {"first": first_s, "last": last_s, "burns": last_s - days * 21_600},
        )
    SloEvaluator(database, LINKS, ManualClock().steady_s).evaluate(last_s * 1_000_000_000)
    (one,) = forecast_budgets(database, LINKS, last_s * 1_000_000_000).forecasts
    assert one.forecast is not None
    assert one.forecast.burn_rate == pytest.approx(2.0, rel=0.1)
    with database.transaction() as cursor:
        (summary,) = read_summaries(cursor)
    assert summary.budget_remaining_ratio == pytest.approx(0.5, abs=0.03)


def test_a_budget_that_is_gone_is_told_as_such(
    burning: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    count(burning, 324, 330, 80.0)
    turn(burning, 330)
    with burning.transaction() as cursor:
        cursor.execute("SELECT decision FROM decision WHERE kind = 'forecast'")
        assert cursor.fetchall() == [(AlertDecision.HELD_BUDGET_GONE.value,)]
    told = CliRunner().invoke(app, ["forecast"], catch_exceptions=False)
    assert told.stdout.startswith("latency: the budget is gone, 109")
    (one,) = json.loads(CliRunner().invoke(app, ["forecast", "--json"], catch_exceptions=False).stdout)
    assert one["budget_remaining_ratio"] < 0


def test_the_command_tells_when_and_ends_with_a_finding(
    burning: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    quiet = CliRunner().invoke(app, ["forecast"], catch_exceptions=False)
    assert (quiet.exit_code, quiet.stdout) == (0, "no budget burns faster than allowed\n")
    turn(burning, 324)
    told = CliRunner().invoke(app, ["forecast"], catch_exceptions=False)
    assert told.exit_code == 1
    assert told.stdout.startswith("TICKET latency: burns 4 times too fast, gone in ")
    (one,) = json.loads(CliRunner().invoke(app, ["forecast", "--json"], catch_exceptions=False).stdout)
    assert one["soonest"] <= one["gone_at"] <= one["latest"] <= one["horizon"]
