"""Verdicts on a real database: what they move, what they propose, how they are taken back, how a replay knows them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from agents.watch.partition_state import PartitionState
from infra.alerting import feedback
from infra.cli.feedback import app as feedback_app
from infra.cli.slo.commands import app as slo_app
from infra.slo import proposals as slo_proposals
from infra.store import alerts, progress, training
from infra.store import feedback as store
from infra.store.database import Database
from infra.store.progress import Snapshot, ThresholdChange
from infra.store.slo import definitions as slos
from infra.store.watch import Effects, commit, save_episodes
from models.alerting.alert import alert_event
from models.alerting.feedback import Mark, Verdict
from models.errors import Misconfigured
from models.labels import IncidentWindow
from models.names import AlertName, Severity
from models.pipeline.pipeline import Pipeline
from models.reasons import AlertDecision, AlertState
from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.state.results import Episode, SloCounts
from models.timestamps import to_rfc3339
from tests.unit.streams import SECOND_NS, START_NS, make, noise, scores, series, table

pytestmark = pytest.mark.integration

HOUR_NS = 3600 * SECOND_NS
NOW_NS = START_NS + 10 * HOUR_NS
SLO = Slo(
    "latency",
    "shop",
    0.999,
    TimeWindow(1, WindowUnit.DAY),
    ThresholdIndicator(MetricQuery("latency_ms", ()), ThresholdOp.LTE, 400.0),
)
NO_COUNTS = SloCounts(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0))


def anomaly(database: Database, entity: str, hour: float, peak: float) -> str:
    """An anomaly of ten minutes and its alert; the alert's id."""
    start_ns = START_NS + int(hour * HOUR_NS)
    end_ns = start_ns + 600 * SECOND_NS
    episode = Episode(
        f"{entity}:{to_rfc3339(start_ns)}",
        "shop",
        entity,
        start_ns,
        end_ns,
        end_ns,
        peak,
        start_ns,
        "latency_ms",
        [("latency_ms", 1.0)],
        812.0,
        200.0,
        180.0,
        260.0,
        "",
        AlertState.RESOLVED,
        AlertDecision.RESOLVED,
    )
    event = alert_event(
        AlertName.METRIC_ANOMALY,
        service="shop",
        severity=Severity.TICKET,
        state=AlertState.RESOLVED,
        decision=AlertDecision.RESOLVED,
        starts_at_ns=start_ns,
        ends_at_ns=end_ns,
        entity=entity,
        annotations={},
    )
    with database.transaction() as cursor:
        save_episodes(cursor, [episode])
        alerts.store(cursor, [event])
    return event.fingerprint


def say(database: Database, alert: str, verdict: Verdict, by: str = "ann") -> feedback.Consequence:
    with database.transaction() as cursor:
        return feedback.mark_alert(cursor, alert, verdict, note="", marked_by=by, now_ns=NOW_NS)


def undo(database: Database, number: int) -> feedback.Consequence:
    with database.transaction() as cursor:
        return feedback.undo(cursor, number, undone_by="bob", now_ns=NOW_NS)


def test_noise_raises_the_services_threshold_and_undoing_brings_it_back_all_of_it_logged(database: Database) -> None:
    first, second = anomaly(database, "shop/a", 1, 3.0), anomaly(database, "shop/b", 2, 3.0)
    assert say(database, first, Verdict.NOISE).threshold_after == pytest.approx(1.1)
    found = say(database, second[:6], Verdict.NOISE, "bob")
    assert (found.threshold_before, found.threshold_after) == (pytest.approx(1.1), pytest.approx(1.21))
    assert undo(database, found.mark.id).threshold_after == pytest.approx(1.1)
    with database.transaction() as cursor:
        assert store.thresholds(cursor) == {"shop": pytest.approx(1.1)}
        moves = store.threshold_moves(cursor, "shop")
        kept = store.load(cursor, with_undone=True)
    assert [(m.changed_by, round(m.before, 3), round(m.after, 3)) for m in moves] == [
        ("ann", 1.0, 1.1),
        ("bob", 1.1, 1.21),
        ("bob", 1.21, 1.1),
    ]
    assert [(one.mark.entity, one.undone_by) for one in kept] == [("shop/a", None), ("shop/b", "bob")]
    assert kept[1].mark.peak == pytest.approx(3.0 * 1.1)  # told under a threshold of 1.1


def test_an_episode_is_marked_once_and_again_after_it_was_taken_back(database: Database) -> None:
    alert = anomaly(database, "shop/a", 1, 3.0)
    found = say(database, alert, Verdict.NOISE)
    with pytest.raises(Misconfigured, match="is marked already"):
        say(database, alert, Verdict.USEFUL)
    undo(database, found.mark.id)
    say(database, alert, Verdict.USEFUL)
    with database.transaction() as cursor:
        assert [known.verdict for known in feedback.known_alerts(cursor, 0)] == [Verdict.USEFUL]
    assert anomaly(database, "shop/a", 3, 2.0) == alert  # the next episode of the same alert is another matter
    with database.transaction() as cursor:
        assert [known.verdict for known in feedback.known_alerts(cursor, 0)] == [None]
    say(database, alert, Verdict.NOISE)


@pytest.mark.parametrize("alert", ["", "0000"])
def test_an_alert_that_is_not_there_is_named(database: Database, alert: str) -> None:
    anomaly(database, "shop/a", 1, 3.0)
    anomaly(database, "shop/b", 1, 3.0)
    with pytest.raises(Misconfigured, match="see `tidewatch feedback alerts`"):
        say(database, alert, Verdict.NOISE)


def test_training_leaves_out_what_people_say_and_not_what_they_call_noise(database: Database) -> None:
    noise_alert = anomaly(database, "shop/a", 1, 3.0)
    anomaly(database, "shop/b", 2, 3.0)
    say(database, noise_alert, Verdict.NOISE)
    missed = Mark(0, Verdict.MISSED, "shop", "shop/c", "", START_NS + 3 * HOUR_NS, START_NS + 4 * HOUR_NS)
    with database.transaction() as cursor:
        feedback.mark_missed(cursor, missed, note="", marked_by="ann", now_ns=NOW_NS)
        windows = training.incident_windows(cursor, "shop", START_NS, NOW_NS, with_open_episodes=True)
    at_ns = START_NS + 2 * HOUR_NS
    assert windows == [
        IncidentWindow("shop/b", at_ns, at_ns + 600 * SECOND_NS + 1, suspected=True),
        IncidentWindow("shop/c", missed.start_ns, missed.end_ns + 1),
    ]


# proposals


@pytest.fixture
def paged(database: Database) -> str:
    """An SLO that burned 5 % of its events for ten minutes, six hours ago, and the page about it; its id."""
    start_s = (NOW_NS - 6 * HOUR_NS) // SECOND_NS // 60 * 60
    with database.transaction() as cursor:
        slos.apply(cursor, [SLO], changed_by="test")
        cursor.execute(
            "INSERT INTO slo_minute SELECT id, to_timestamp(%(at)s + 60 * n), CASE WHEN n BETWEEN 0 AND 9 THEN 950"
            " ELSE 1000 END, 1000 FROM slo, generate_series(-120, 300) AS n",
            {"at": start_s},
        )
        event = alert_event(
            AlertName.SLO_BURN_RATE,
            service="shop",
            slo="latency",
            severity=Severity.PAGE,
            burn_window="2m",
            state=AlertState.RESOLVED,
            decision=AlertDecision.RESOLVED,
            starts_at_ns=start_s * SECOND_NS,
            ends_at_ns=(start_s + 900) * SECOND_NS,
            annotations={},
        )
        alerts.store(cursor, [event])
    return event.fingerprint


def test_noise_about_an_slo_proposes_a_target_that_somebody_accepts(database: Database, paged: str) -> None:
    found = say(database, paged, Verdict.NOISE)
    assert found.threshold_after == 1.0
    assert found.proposal is not None
    assert "tightest target" in found.proposal.reason
    with database.transaction() as cursor:
        slo_proposals.accept(cursor, found.proposal.id, decided_by="eve", now_ns=NOW_NS)
        (applied,) = slos.load(cursor).slos
        cursor.execute("SELECT changed_by FROM slo_history ORDER BY id")
        assert cursor.fetchall() == [("test",), ("eve",)]
    assert 0.99 < applied.slo.target_ratio < 0.999
    with pytest.raises(Misconfigured, match="no proposal 1 is open"), database.transaction() as cursor:
        slo_proposals.accept(cursor, found.proposal.id, decided_by="eve", now_ns=NOW_NS)


def test_a_proposal_goes_with_the_feedback_it_came_from_and_what_was_refused_stays_so(
    database: Database, paged: str
) -> None:
    found = say(database, paged, Verdict.NOISE)
    assert undo(database, found.mark.id).proposal is None
    again = say(database, paged, Verdict.NOISE)
    assert again.proposal is not None
    with database.transaction() as cursor:
        slo_proposals.refuse(cursor, again.proposal.id, decided_by="eve", now_ns=NOW_NS)
    undo(database, again.mark.id)
    assert say(database, paged, Verdict.NOISE).proposal is None
    with database.transaction() as cursor:
        states = [one.state.value for one in slo_proposals.slo_proposals.load(cursor, only_open=False)]
    assert states == ["withdrawn", "refused"]


def test_an_slo_that_changed_meanwhile_is_not_overwritten(database: Database, paged: str) -> None:
    proposal = say(database, paged, Verdict.NOISE).proposal
    assert proposal is not None
    with database.transaction() as cursor:
        slos.apply(cursor, [Slo(**{**as_fields(SLO), "target_ratio": 0.5})], changed_by="bob")
    with pytest.raises(Misconfigured, match="has changed since proposal"), database.transaction() as cursor:
        slo_proposals.accept(cursor, proposal.id, decided_by="eve", now_ns=NOW_NS)


def as_fields(slo: Slo) -> dict[str, object]:
    return {name: getattr(slo, name) for name in slo.__struct_fields__}


# the stream


def test_a_replay_changes_a_threshold_where_the_worker_changed_it(database: Database) -> None:
    values = {series("latency_ms"): noise(200, 1, 100.0, 3.0)}
    values[series("latency_ms")][150:] += 40

    def ticks(first: int, last: int) -> object:
        return table({text: column[first:last] for text, column in values.items()}, first_tick=first)

    live = PartitionState(0, make(), 0, None, None)
    live.pipeline.fold(ticks(0, 100))
    live.position = 100
    snapshot = live.pipeline.snapshot()
    first = live.pipeline.fold(ticks(100, 160))
    live.position = 160
    changes = live.use_thresholds({"shop": 1.5, "elsewhere": 1.2})
    assert changes == [ThresholdChange(160, "shop", 1.5)]
    assert live.use_thresholds({"shop": 1.5}) == []
    second = live.pipeline.fold(ticks(160, 200))
    before = Effects("samples", 0, None, 160, {}, NO_COUNTS)
    body = progress.prepare_snapshot("", "samples", 0, Snapshot(100, snapshot))
    commit(database, Effects("samples", 0, None, 100, {}, NO_COUNTS, snapshot=body), repeated=False)
    commit(database, Effects(**{**fields_of(before), "expected": 100}), repeated=False)
    commit(database, Effects("samples", 0, 160, 200, {}, NO_COUNTS, thresholds=changes), repeated=False)

    with database.transaction() as cursor:
        resume = progress.load(cursor, "samples", 0)
    assert resume.snapshot is not None
    assert list(resume.thresholds) == changes
    replayed = Pipeline.restore(make().config, resume.snapshot.body)
    again = [replayed.fold(ticks(100, 160))]
    for change in resume.thresholds:
        replayed.use_threshold(change.service, change.factor)
    again.append(replayed.fold(ticks(160, 200)))
    assert scores(again, replayed).tobytes() == scores([first, second], live.pipeline).tobytes()
    assert replayed.snapshot() == live.pipeline.snapshot()

    newer = progress.prepare_snapshot("", "samples", 0, Snapshot(200, live.pipeline.snapshot()))
    commit(database, Effects("samples", 0, 200, 201, {}, NO_COUNTS, snapshot=newer), repeated=False)
    with database.transaction() as cursor:
        assert progress.load(cursor, "samples", 0).thresholds == ()
    assert live.use_thresholds({}) == [ThresholdChange(160, "shop", 1.0)]


def fields_of(effects: Effects) -> dict[str, object]:
    return {name: getattr(effects, name) for name in effects.__slots__}


# the command


@pytest.fixture
def runner(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_the_command_marks_lists_undoes_and_labels(runner: CliRunner, database: Database) -> None:
    def run(*arguments: str) -> str:
        done = runner.invoke(feedback_app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    alert = anomaly(database, "shop/a", 1, 3.0)
    assert alert[:8] in run("alerts", "--days", "100000")
    assert "anomaly threshold of shop: 1 -> 1.1" in run("add", "noise", alert[:5], "--note", "a test", "--by", "ann")
    missed = json.loads(run("add", "missed", "--entity", "shop/c", "--from", "-2h", "--to", "-1h", "--json"))
    assert missed["threshold_after"] == pytest.approx(1.0)
    assert "noise  shop/a" in run("list")
    assert [row["verdict"] for row in json.loads(run("list", "--json"))] == ["noise", "missed"]
    assert run("labels").splitlines()[1].startswith("shop/c,")
    assert run("labels", "--noise").splitlines()[1].startswith("shop/a,")
    run("undo", str(missed["id"]))
    assert json.loads(run("thresholds", "--json"))["factors"] == {"shop": pytest.approx(1.1)}
    assert "missed" not in run("list")
    assert "taken back" in run("list", "--all")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["add", "noise"], "which alert was noise", id="no alert"),
        pytest.param(["add", "missed", "--service", "shop"], "say what was missed", id="no time"),
        pytest.param(["add", "missed", "--service", "s", "--from", "noon"], "'noon' is no time", id="no such time"),
        pytest.param(["add", "missed", "--service", "s", "--from", "2026-01-01T00:00:00"], "has no zone", id="no zone"),
        pytest.param(["add", "missed", "--entity", "s/a", "--from", "-1h", "--to", "-2h"], "an end after", id="none"),
        pytest.param(["add", "missed", "--slo", "nope", "--from", "-1h"], "no SLO is called 'nope'", id="no such SLO"),
        pytest.param(["undo", "7"], "no feedback 7 stands", id="nothing to undo"),
    ],
)
def test_misuse_says_what_to_write(runner: CliRunner, arguments: list[str], complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        runner.invoke(feedback_app, arguments, catch_exceptions=False)


def test_proposals_are_listed_accepted_and_refused_by_command(
    runner: CliRunner, database: Database, paged: str
) -> None:
    assert runner.invoke(slo_app, ["proposals", "list"], catch_exceptions=False).stdout == "nothing is proposed\n"
    say(database, paged, Verdict.NOISE)
    listed = runner.invoke(slo_app, ["proposals", "list"], catch_exceptions=False)
    assert listed.exit_code == 1
    assert "spec.objectives[0].target: 0.999 -> 0.99" in listed.stdout
    accepted = runner.invoke(slo_app, ["proposals", "accept", "1", "--by", "eve"], catch_exceptions=False)
    assert accepted.exit_code == 0
    closed = runner.invoke(slo_app, ["proposals", "list", "--all", "--json"], catch_exceptions=False)
    assert [(one["state"], one["decided_by"]) for one in json.loads(closed.stdout)] == [("accepted", "eve")]
