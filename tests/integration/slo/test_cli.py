"""`tidewatch slo` on a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.slo.commands import app
from infra.cli.tables import differences
from infra.slo.evaluate import SloEvaluator
from infra.store.database import Database
from infra.store.slo import dependencies
from infra.store.watch import save_episodes
from models.alerting.alert import Links
from models.errors import Misconfigured
from models.reasons import AlertDecision, AlertState
from models.service_graph import Edge
from models.state.results import Episode, SeriesPart
from tests.clock import ManualClock

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[3] / "slos"
NOW_S = 1_780_000_020


@pytest.fixture
def runner(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_a_folder_is_applied_and_applying_it_again_changes_nothing(runner: CliRunner) -> None:
    first = runner.invoke(app, ["apply", str(SAMPLES)], catch_exceptions=False)
    assert first.exit_code == 0
    assert "checkout-latency: created" in first.stdout
    again = runner.invoke(app, ["apply", str(SAMPLES), "--json"], catch_exceptions=False)
    assert {change["change"] for change in json.loads(again.stdout)["changes"]} == {"unchanged"}


def test_a_dry_run_says_what_would_change_field_by_field_and_changes_nothing(runner: CliRunner, tmp_path: Path) -> None:
    runner.invoke(app, ["apply", str(SAMPLES / "host.yaml")], catch_exceptions=False)
    edited = tmp_path / "host.yaml"
    edited.write_text((SAMPLES / "host.yaml").read_text().replace("target: 0.95", "target: 0.9"))
    for _ in range(2):
        dry = runner.invoke(app, ["apply", str(edited), "--dry-run"], catch_exceptions=False)
        assert "host-cpu: would be changed\n  spec.objectives[0].target: 0.95 -> 0.9\n" in dry.stdout
        assert "host-memory: would be unchanged" in dry.stdout
    assert "host-cpu: a total outage burns 10× at this target" in dry.stderr


def test_a_broken_file_applies_nothing_of_its_neighbours(runner: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text((SAMPLES / "host.yaml").read_text())
    (tmp_path / "b.yml").write_text("kind: SLO\n")
    with pytest.raises(Misconfigured, match=r"b\.yml:1: document 1: `apiVersion` is missing"):
        runner.invoke(app, ["apply", str(tmp_path)], catch_exceptions=False)
    listed = runner.invoke(app, ["list", "--json"], catch_exceptions=False)
    assert json.loads(listed.stdout) == []


@pytest.mark.parametrize(
    ("name", "complaint"), [("missing.yaml", "No such file"), (".", "no .yaml or .yml file in this folder")]
)
def test_paths_that_hold_nothing_are_named(runner: CliRunner, name: str, complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        runner.invoke(app, ["apply", name], catch_exceptions=False)


def test_pruning_removes_what_the_files_do_not_contain(runner: CliRunner) -> None:
    runner.invoke(app, ["apply", str(SAMPLES)], catch_exceptions=False)
    pruned = runner.invoke(app, ["apply", str(SAMPLES / "host.yaml"), "--prune"], catch_exceptions=False)
    assert "checkout-latency: removed" in pruned.stdout
    listed = runner.invoke(app, ["list"], catch_exceptions=False)
    assert "checkout" not in listed.stdout
    assert "host-cpu" in listed.stdout


def test_status_shows_budget_burn_and_alerts_and_ends_with_a_finding(runner: CliRunner, database: Database) -> None:
    runner.invoke(app, ["apply", str(SAMPLES)], catch_exceptions=False)
    assert runner.invoke(app, ["status"], catch_exceptions=False).exit_code == 0
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO slo_minute SELECT id, to_timestamp(%s), 80, 100 FROM slo WHERE name = 'checkout-latency'",
            (NOW_S - 60,),
        )
    SloEvaluator(database, Links("", ""), ManualClock().steady_s).evaluate(NOW_S * 1_000_000_000)
    shown = runner.invoke(app, ["status", "checkout-latency", "--json"], catch_exceptions=False)
    assert shown.exit_code == 1
    (slo,) = json.loads(shown.stdout)
    assert slo["budget_remaining_ratio"] == pytest.approx(1 - 20 * 60 / 86_400)
    assert slo["burn_rates"]["2m"] == pytest.approx(20.0)
    assert {alert["burn_window"] for alert in slo["alerts"]} == {"2m", "12m", "48m", "144m"}
    table = runner.invoke(app, ["status"], catch_exceptions=False, env={"COLUMNS": "200"})
    assert table.exit_code == 1
    assert "page 2m" in table.stdout
    assert "1m 20 2m 20 4m 20 12m 20 48m 20 144m 20" in table.stdout


def test_status_says_why_what_fires_fires(runner: CliRunner, database: Database) -> None:
    runner.invoke(app, ["apply", str(SAMPLES)], catch_exceptions=False)
    at_ns = (NOW_S - 120) * 10**9
    part = SeriesPart("cpu_ratio", 9.0, at_ns, at_ns, 0.99, 0.3, 0.2, 0.4)
    episode = Episode(
        "e",
        "checkout",
        "checkout/i-1",
        at_ns,
        None,
        at_ns,
        5.0,
        at_ns,
        "cpu_ratio",
        [("cpu_ratio", 1.0)],
        0.99,
        0.3,
        0.2,
        0.4,
        "3",
        AlertState.FIRING,
        AlertDecision.FIRED,
        (part,),
    )
    with database.transaction() as cursor:
        save_episodes(cursor, [episode])
        cursor.execute(
            "INSERT INTO slo_minute SELECT id, to_timestamp(%s), 80, 100 FROM slo WHERE name = 'checkout-latency'",
            (NOW_S // 60 * 60 - 60,),
        )
    SloEvaluator(database, Links("", ""), ManualClock().steady_s).evaluate(NOW_S * 1_000_000_000)
    shown = runner.invoke(app, ["status", "--causes"], catch_exceptions=False, env={"COLUMNS": "200"})
    assert "checkout-latency (page 2m)" in shown.stdout
    assert "1  cpu_ratio  100%  checkout/i-1  0.99   0.2 to 0.4" in shown.stdout
    as_json = runner.invoke(app, ["status", "checkout-latency", "--causes", "--json"], catch_exceptions=False)
    (told,) = json.loads(as_json.stdout)
    assert {alert["burn_window"] for alert in told["causes"]} == {"2m", "12m", "48m", "144m"}
    assert told["causes"][0]["causes"][0]["metric"] == "cpu_ratio"


def test_dependencies_of_a_file_replace_those_of_the_last_file_only(
    runner: CliRunner, database: Database, tmp_path: Path
) -> None:
    with database.transaction() as cursor:
        dependencies.add(cursor, [Edge("web", "checkout")], dependencies.DependencySource.TRACES)
    file = tmp_path / "map.yaml"
    for text in ("dependencies: {checkout: [search]}", "dependencies: {checkout: [payments, web]}"):
        file.write_text(text)
        assert runner.invoke(app, ["dependencies", "apply", str(file)], catch_exceptions=False).exit_code == 0
    listed = runner.invoke(app, ["dependencies", "list"], catch_exceptions=False).stdout
    assert listed == "checkout -> payments (file)\ncheckout -> web (file)\nweb -> checkout (traces)\n"


def test_the_status_of_an_unknown_slo_is_misuse(runner: CliRunner) -> None:
    with pytest.raises(Misconfigured, match="no SLO is called 'nope'"):
        runner.invoke(app, ["status", "nope"], catch_exceptions=False)


def test_differences_name_the_field_and_both_values() -> None:
    before = {"spec": {"service": "a", "window": [{"duration": "30d"}]}}
    after = {"spec": {"service": "b", "window": [{"duration": "7d"}], "description": "new"}}
    assert differences(before, after) == [
        'spec.service: "a" -> "b"',
        'spec.window[0].duration: "30d" -> "7d"',
        'spec.description: nothing -> "new"',
    ]
