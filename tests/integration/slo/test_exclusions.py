"""Pauses, silences and maintenance on a real database: what they hold, what they leave out, who made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values
from typer.testing import CliRunner

from infra.cli.slo.commands import app
from infra.slo import exclusions as slo_exceptions
from infra.slo.evaluate import SloEvaluator
from infra.slo.views import read_views
from infra.store.database import Database
from infra.store.slo import definitions as slos
from infra.store.slo import exclusions as stored_exceptions
from models.alerting.alert import Links
from models.errors import Misconfigured
from models.reasons import AlertDecision
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.slo.telemetry import Telemetry
from models.timestamps import SECOND_NS
from tests.clock import ManualClock

pytestmark = pytest.mark.integration

NOW_S = 1_780_000_020 // 3600 * 3600 + 1800
INDICATOR = ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0)
DAY, MONTH = TimeWindow(1, WindowUnit.DAY), TimeWindow(30, WindowUnit.DAY)
PAUSE, MAINTENANCE, SILENCE = ExclusionKind.PAUSE, ExclusionKind.MAINTENANCE, ExclusionKind.SILENCE


def slo(name: str = "latency", window: TimeWindow = DAY) -> Slo:
    return Slo(name, "checkout", 0.99, window, INDICATOR)


def apply(database: Database, *wanted: Slo) -> dict[str, int]:
    with database.transaction() as cursor:
        slos.apply(cursor, wanted, changed_by="test", remove_others=True)
        return {stored.slo.name: stored.id for stored in slos.load(cursor).slos}


def count(database: Database, slo_id: int, minutes: dict[int, tuple[int, int]]) -> None:
    """Good and total by minute before now."""
    with database.transaction() as cursor:
        execute_values(
            cursor,
            "INSERT INTO slo_minute VALUES %s",
            [(slo_id, NOW_S - 60 * minute, good, total) for minute, (good, total) in minutes.items()],
            template="(%s, to_timestamp(%s), %s, %s)",
        )


def make(
    database: Database, kind: ExclusionKind, begin_min: float, end_min: float | None, name: str = "latency"
) -> SloExclusion:
    """An exception from and to so many minutes before now."""
    end_ns = None if end_min is None else int((NOW_S - 60 * end_min) * SECOND_NS)
    wanted = SloExclusion(0, name, kind, int((NOW_S - 60 * begin_min) * SECOND_NS), end_ns, "new disks", "ann")
    with database.transaction() as cursor:
        return slo_exceptions.make(cursor, wanted, now_ns=NOW_S * SECOND_NS)


def evaluate(database: Database, evaluator: SloEvaluator, minute: float = 0) -> list[tuple[str, str]]:
    events = evaluator.evaluate(int((NOW_S + 60 * minute) * SECOND_NS)).transitions
    return [(event.state, event.annotations["summary"]) for event in events]


# the property: whatever happens in excluded minutes changes no window and no budget

MINUTES = range(1, 60 * 30)
counted = st.dictionaries(
    st.sampled_from(MINUTES), st.integers(0, 9).flatmap(lambda t: st.tuples(st.integers(0, t), st.just(t))), max_size=30
)
spans = st.lists(st.tuples(st.sampled_from(MINUTES), st.integers(1, 600)), min_size=1, max_size=3)


@pytest.mark.parametrize("window", [DAY, MONTH], ids=["from minutes", "from minutes, hours and days"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inside=counted, outside=counted, excluded=spans)
def test_excluded_minutes_change_nothing_in_the_budget(
    database: Database,
    window: TimeWindow,
    inside: dict[int, tuple[int, int]],
    outside: dict[int, tuple[int, int]],
    excluded: list[tuple[int, int]],
) -> None:
    with database.transaction() as cursor:
        cursor.execute("TRUNCATE slo CASCADE; TRUNCATE slo_exception")
    ids = apply(database, slo("with", window), slo("without", window))
    for first, length in excluded:
        make(database, MAINTENANCE, first, first - length if first > length else 0.5, "with")
    left_out = {m for m in MINUTES if any(first >= m > (first - n if first > n else 0) for first, n in excluded)}
    quiet = {minute: found for minute, found in outside.items() if minute not in left_out}
    count(database, ids["without"], quiet)
    count(database, ids["with"], {**quiet, **{minute: found for minute, found in inside.items() if minute in left_out}})
    with database.transaction() as cursor:
        views, _ = read_views(cursor, slos.load(cursor).slos, stored_exceptions.load(cursor), float(NOW_S), Telemetry())
    of = {view.slo.name: view for view in views}
    assert of["with"].period == of["without"].period
    assert of["with"].windows == of["without"].windows


# alerts


@pytest.mark.parametrize(
    ("kind", "end_min", "held", "said"),
    [
        (PAUSE, None, AlertDecision.HELD_PAUSED, "checkout: latency is paused; its alerts are held"),
        (MAINTENANCE, -30, AlertDecision.HELD_MAINTENANCE, "checkout: latency is in maintenance; its alerts are held"),
        (SILENCE, -30, AlertDecision.HELD_SILENCED, "checkout: latency is silenced; its alerts are held"),
    ],
)
def test_what_fires_ends_and_nothing_fires_while_an_exception_lasts(
    database: Database, kind: ExclusionKind, end_min: float | None, held: AlertDecision, said: str
) -> None:
    ids = apply(database, slo())
    count(database, ids["latency"], dict.fromkeys(range(3), (0, 100)))
    evaluator = SloEvaluator(database, Links("", ""), ManualClock().steady_s)
    assert {state for state, _ in evaluate(database, evaluator)} == {"firing"}
    made = make(database, kind, 0.1, end_min)
    assert set(evaluate(database, evaluator, 0.2)) == {("resolved", said)}
    evaluation = evaluator.evaluate(int((NOW_S + 15) * SECOND_NS))
    assert evaluation.transitions == ()
    if kind is SILENCE:
        assert evaluation.decisions[held] == 4
    with database.transaction() as cursor:
        slo_exceptions.end(cursor, made.id, ended_by="bob", now_ns=(NOW_S + 20) * SECOND_NS)
    assert {state for state, _ in evaluate(database, evaluator, 0.5)} == {"firing"}


def test_minutes_of_maintenance_outlive_the_others_as_long_as_their_hours_do(database: Database) -> None:
    ids = apply(database, slo(window=MONTH))
    evaluator = SloEvaluator(database, Links("", ""), ManualClock().steady_s)
    make(database, MAINTENANCE, 60 * 24 * 3, 60 * 24 * 3 - 120)
    hours = {60 * 24 * 3 - n: (0, 100) for n in range(0, 120, 10)}
    count(database, ids["latency"], {**hours, 60 * 24 * 3 - 600: (99, 100)})
    evaluator.delete_old_counts(int((NOW_S + 86_400 * 20) * SECOND_NS))
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM slo_minute")
        assert cursor.fetchone() == (12,)
        (view,), _ = read_views(
            cursor, slos.load(cursor).slos, stored_exceptions.load(cursor), NOW_S + 86_400 * 20.0, Telemetry()
        )
    assert (view.period.good, view.period.total) == (99.0, 100.0)
    evaluator.delete_old_counts(int((NOW_S + 86_400 * 40) * SECOND_NS))
    with database.transaction() as cursor:
        cursor.execute("SELECT count(*) FROM slo_minute")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("kind", "begin_min", "end_min", "complaint"),
    [
        pytest.param(MAINTENANCE, 10, 20, "after the begin", id="backwards"),
        pytest.param(SILENCE, 20, 10, "that of a silence in the future", id="a silence that is over"),
        pytest.param(MAINTENANCE, 60 * 24 * 90, 60, "minutes are kept since", id="its minutes are gone"),
        pytest.param(PAUSE, 0, None, "is paused already", id="paused twice"),
    ],
)
def test_an_exception_that_makes_no_sense_is_refused(
    database: Database, kind: ExclusionKind, begin_min: float, end_min: float | None, complaint: str
) -> None:
    apply(database, slo())
    make(database, PAUSE, 0, None)
    with pytest.raises(Misconfigured, match=complaint):
        make(database, kind, begin_min, end_min)


# the command


@pytest.fixture
def runner(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_history_tells_who_changed_what_definitions_and_exceptions_alike(runner: CliRunner, database: Database) -> None:
    def run(*arguments: str) -> str:
        done = runner.invoke(app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    apply(database, slo())
    assert "latency: pause from" in run("pause", "latency", "--reason", "rebuilt", "--by", "ann")
    assert "latency: pause from" in run("status")
    assert "is paused" not in run("resume", "latency", "--by", "bob")
    run("silence", "latency", "--for", "2h", "--by", "eve")
    run("maintenance", "latency", "--from", "+1h", "--to", "+2h", "--by", "ann")
    assert [one["kind"] for one in json.loads(run("exceptions", "--json"))] == ["silence", "maintenance"]
    run("end", "3", "--by", "ann")
    assert [one["kind"] for one in json.loads(run("exceptions", "--all", "--json"))] == ["pause", "silence"]
    (shown,) = json.loads(run("status", "--json"))
    assert [one["kind"] for one in shown["exceptions"]] == ["silence"]
    lines = [line for line in run("history", "latency").splitlines() if not line.startswith("  ")]
    assert [line.partition(" ")[2] for line in lines] == [
        "latency: maintenance 3 ended by ann",
        "latency: maintenance 3 made by ann",
        "latency: silence 2 made by eve",
        "latency: pause 1 ended by bob",
        "latency: pause 1 made by ann",
        "latency: created by test",
    ]
    entries = json.loads(run("history", "--json"))
    assert entries[3]["before"]["to"] is None
    assert entries[3]["after"]["to"] is not None


@pytest.mark.parametrize(
    "arguments",
    [["silence", "latency", "--for", "999999d"], ["maintenance", "latency", "--from", "-0s", "--to", "+9999999d"]],
)
def test_a_time_beyond_all_dates_is_told_in_one_line(
    runner: CliRunner, database: Database, arguments: list[str]
) -> None:
    apply(database, slo())
    with pytest.raises(Misconfigured, match="is longer than a century"):
        runner.invoke(app, arguments, catch_exceptions=False)


def test_what_is_not_paused_cannot_be_resumed(runner: CliRunner, database: Database) -> None:
    apply(database, slo())
    with pytest.raises(Misconfigured, match="latency is not paused"):
        runner.invoke(app, ["resume", "latency"], catch_exceptions=False)
    with pytest.raises(Misconfigured, match="no SLO is called 'nope'"):
        runner.invoke(app, ["pause", "nope"], catch_exceptions=False)
    with pytest.raises(Misconfigured, match="there never was an SLO called 'nope'"):
        runner.invoke(app, ["history", "nope"], catch_exceptions=False)
