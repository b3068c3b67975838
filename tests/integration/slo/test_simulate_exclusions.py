"""`tidewatch slo simulate` and the SLO clock, over the same samples with the same pauses, silences and maintenance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from infra.cli.slo.commands import app
from infra.slo.evaluate import SloEvaluator
from infra.store.database import Database
from infra.store.slo import exclusions as slo_exceptions
from models.slo.definition import GapPolicy, Slices, Slo
from models.slo.exclusions import ExclusionKind, SloExclusion
from models.timestamps import SECOND_NS
from tests.clock import ManualClock
from tests.integration.slo.story import DAY, LINKS, START_S, Story, slo

pytestmark = pytest.mark.integration

PAUSE, MAINTENANCE, SILENCE = ExclusionKind.PAUSE, ExclusionKind.MAINTENANCE, ExclusionKind.SILENCE
MINUTES = 240
OUTAGES = (range(20, 40), range(90, 130), range(170, 200))
SAMPLES_A_MINUTE = 10


def is_bad(minute: int) -> bool:
    return any(minute in outage for outage in OUTAGES)


def samples(gap: range) -> pd.DataFrame:
    """Latencies, ten a minute, all of them too slow in an outage; none in the gap."""
    minutes = np.array([minute for minute in range(MINUTES) if minute not in gap])
    bad = np.array([is_bad(minute) for minute in minutes.tolist()])
    within_s = 1.0 + np.arange(SAMPLES_A_MINUTE) * 5.0
    return pd.DataFrame(
        {
            "timestamp": pd.to_datetime((START_S + 60 * minutes[:, None] + within_s).ravel(), unit="s", utc=True),
            "service": "checkout",
            "latency_ms": np.repeat(np.where(bad, 900.0, 100.0), SAMPLES_A_MINUTE),
        }
    )


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database, SloEvaluator(database, LINKS, ManualClock().steady_s))


@pytest.fixture
def runner(postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", postgres_url)
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def make(story: Story, kind: ExclusionKind, begin: float, end: float | None) -> None:
    """An exception of the SLO between two minutes of the story."""
    end_ns = None if end is None else int((START_S + 60 * end) * SECOND_NS)
    wanted = SloExclusion(0, "latency", kind, int((START_S + 60 * begin) * SECOND_NS), end_ns, "new disks", "ann")
    with story.database.transaction() as cursor:
        slo_exceptions.insert(cursor, wanted)


def lived(story: Story, gap: range) -> Iterator[dict[str, str]]:
    """Transitions of the SLO clock, which evaluates every minute what came until then."""
    for minute in range(MINUTES):
        if minute not in gap:
            story.count(minute, 0 if is_bad(minute) else SAMPLES_A_MINUTE, SAMPLES_A_MINUTE)
        story.count(minute, 1, 1, "other")  # the stream goes on
        for event in story.evaluate(minute + 1).transitions:
            if event.labels["slo"] == "latency":
                at = event.starts_at if event.ends_at is None else event.ends_at
                names = ("severity", "burn_window")
                yield {"slo": "latency", **{n: event.labels[n] for n in names}, "state": event.state, "at": at}


def in_order(transitions: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(transitions, key=lambda change: (change["at"], change["severity"], change["burn_window"]))


@pytest.mark.parametrize(
    ("defined", "made"),
    [
        pytest.param(slo(), [(PAUSE, 25, 100)], id="a pause that ends in another outage"),
        pytest.param(slo(), [(MAINTENANCE, 90, 130)], id="maintenance as long as an outage"),
        pytest.param(slo(), [(SILENCE, 95, 110.5)], id="a silence within an outage, after which it alerts again"),
        pytest.param(slo(), [(PAUSE, 180.3, None)], id="a pause that nobody has ended"),
        pytest.param(slo(), [(SILENCE, 15, 30), (MAINTENANCE, 28.5, 35), (PAUSE, 120, 175)], id="one after the other"),
        pytest.param(
            msgspec.structs.replace(slo(), slices=Slices(300, 0.9)), [(MAINTENANCE, 92, 118)], id="of time slices"
        ),
        pytest.param(
            msgspec.structs.replace(slo(), gaps=GapPolicy.BAD),
            [(MAINTENANCE, 55, 65), (SILENCE, 68, 72)],
            id="within a gap that counts as bad",
        ),
        pytest.param(
            msgspec.structs.replace(slo(), gaps=GapPolicy.GOOD, slices=Slices(120, 0.9)),
            [(PAUSE, 60, 101)],
            id="of time slices, across the end of a gap that counts as good",
        ),
    ],
)
def test_a_simulation_honours_exceptions_as_the_clock_does(
    story: Story, runner: CliRunner, defined: Slo, made: list[tuple[ExclusionKind, float, float | None]]
) -> None:
    gap = range(50, 75)
    story.apply(defined, slo("other"))
    for kind, begin, end in made:
        make(story, kind, begin, end)
    live = list(lived(story, gap))
    samples(gap).to_csv("checkout.csv", index=False)
    Path("slo.json").write_text(json.dumps(defined.document()))

    def simulated(*options: str) -> list[dict[str, str]]:
        run = runner.invoke(
            app, ["simulate", "--data", "checkout.csv", "--slo", "slo.json", *options, "--json"], catch_exceptions=False
        )
        assert (run.exit_code, run.stderr) == (0, "")
        found: list[dict[str, str]] = json.loads(run.stdout)
        return found

    assert in_order(simulated()) == in_order(live)
    assert in_order(simulated("--no-exceptions")) != in_order(live)
    (summary,) = simulated("--summary")
    (view,) = [view for view in story.evaluate(MINUTES).views if view.slo.name == "latency"]
    assert summary["events"] == pytest.approx(view.period.total)
    assert summary["budget_remaining_ratio"] == pytest.approx(view.budget_remaining, rel=1e-3)
    assert [one["kind"] for one in summary["exceptions"]] == [kind for kind, _, _ in made]  # type: ignore[index]


def test_a_database_that_is_away_keeps_nobody_from_trying_a_file(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEWATCH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    samples(range(0)).to_csv("checkout.csv", index=False)
    Path("slo.json").write_text(json.dumps(slo().document()))
    arguments = ["simulate", "--data", "checkout.csv", "--slo", "slo.json", "--json"]
    run = runner.invoke(app, arguments, catch_exceptions=False)
    assert run.exit_code == 0
    assert len(json.loads(run.stdout)) > 0
    assert run.stderr.startswith("warning: pauses, silences and maintenance are not known: PostgreSQL is unavailable")
    assert runner.invoke(app, [*arguments, "--no-exceptions"], catch_exceptions=False).stderr == ""


def test_the_table_names_what_was_honoured(story: Story, runner: CliRunner) -> None:
    story.apply(slo(window=DAY))
    make(story, MAINTENANCE, 90, 130)
    samples(range(0)).to_csv("checkout.csv", index=False)
    run = runner.invoke(app, ["simulate", "--data", "checkout.csv"], catch_exceptions=False)
    assert "honoured: latency: maintenance from" in run.stdout
    assert "by ann: new disks" in run.stdout
