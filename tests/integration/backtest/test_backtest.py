"""`tidewatch backtest`: known incidents are found, any batches give the same scores, bad files are told apart."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.backtest.run import BacktestRun
from infra.producers.dataset import write_dataset
from infra.settings import load
from models.synthetic.incidents import Incident, IncidentKind
from models.synthetic.services import SERVICES, Simulation

START_NS = 1_750_000_000_000_000_000
INCIDENTS = (
    Incident("checkout", IncidentKind.LATENCY, 900.0, 45.0, 5.0, "checkout-1"),
    Incident("checkout", IncidentKind.ERRORS, 1000.0, 45.0, 0.5, "checkout-2"),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 minutes of one service at one second, with two incidents, their labels beside it."""
    folder = tmp_path_factory.mktemp("data")
    simulation = Simulation([SERVICES["checkout"]], seed=3, start_ns=START_NS, incidents=INCIDENTS)
    write_dataset(simulation, 1080, folder, "csv")
    return folder


def _backtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "backtest", *arguments], capture_output=True, text=True, check=False
    )


def _silent(path: Path, samples: int) -> None:
    """Nobody looks at the progress of a test."""


def _rows(out: Path) -> list[dict[str, str]]:
    with (out / "scores.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the default batches."""
    out = tmp_path_factory.mktemp("whole")
    ended = _backtest(str(data), "--labels", str(data / "labels.csv"), "--slo", "slos", "--out", str(out), "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == json.loads((out / "report.json").read_text())
    return out


def test_known_incidents_are_found_and_nothing_else_alerts(whole: Path) -> None:
    report = json.loads((whole / "report.json").read_text())
    assert (report["event_recall"], report["event_precision"]) == (1.0, 1.0)
    assert report["alerts"] == 2
    assert report["median_delay_s"] <= 5
    assert report["vus_pr"] > 0.8


def test_the_first_cause_is_what_the_incident_hits(whole: Path) -> None:
    causes: dict[str, str] = {}
    for row in _rows(whole):
        if float(row["anomaly_score"]) > 1:
            causes.setdefault(row["entity"], row["cause_metric"])
    # five times the latency fills the queue and the pool in the same second
    assert causes.pop("checkout/checkout-1") in {"latency_ms", "queue_depth", "saturation_ratio"}
    assert causes == {"checkout/checkout-2": "errors_total"}


def test_there_is_a_row_for_every_entity_and_tick_with_the_model_that_scored_it(whole: Path) -> None:
    rows = _rows(whole)
    assert len(rows) == len({(row["entity"], row["timestamp"]) for row in rows}) == 3 * 1080
    versions = [row["model_version"] for row in rows if row["entity"] == "checkout/checkout-3"]
    assert (versions[0], versions[-1]) == ("", "1")
    assert versions == sorted(versions)
    trainings = json.loads((whole / "report.json").read_text())["trainings"]
    assert [(t["reason"], t["outcome"], t["version"]) for t in trainings] == [("cold-start", "promoted", "1")]


def test_slo_counts_are_those_of_the_samples(whole: Path) -> None:
    slos = {slo["slo"]: slo for slo in json.loads((whole / "report.json").read_text())["slos"]}
    latency = slos["checkout-latency"]
    assert latency["total"] == 3 * 1080
    assert 0 < latency["total"] - latency["good"] <= 46


@pytest.mark.parametrize(("batch", "ticks"), [(1, 300), (7, 930), (5000, 930), (5000, 1080)])
def test_scores_depend_neither_on_the_batches_nor_on_what_follows(
    whole: Path, batch: int, ticks: int, tmp_path: Path
) -> None:
    simulation = Simulation([SERVICES["checkout"]], seed=3, start_ns=START_NS, incidents=INCIDENTS)
    write_dataset(simulation, ticks, tmp_path, "csv")
    out = tmp_path / "out"
    out.mkdir()
    BacktestRun(load(), [], batch, _silent).play(tmp_path / "samples.csv", out, None)
    scores = (out / "scores.csv").read_bytes()
    assert scores.count(b"\n") == 1 + 3 * ticks
    assert (whole / "scores.csv").read_bytes().startswith(scores)


def test_a_misread_file_is_told_by_name_and_line_and_leaves_no_results(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("timestamp,metric,value\n2026-01-01T00:00:00Z,cpu,1\nyesterday,cpu,2\n")
    out = tmp_path / "out"
    ended = _backtest(str(tmp_path / "bad.csv"), "--out", str(out))
    assert ended.returncode == 2
    assert "bad.csv: line 3" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert list(out.iterdir()) == []


def test_files_of_the_same_entities_that_overlap_in_time_are_refused(data: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("".join((data / "samples.csv").read_text().splitlines(keepends=True)[:200]))
    ended = _backtest(str(tmp_path), "--out", str(tmp_path / "out"))
    assert ended.returncode == 2
    assert "b.csv: begins before an earlier file with the same entities" in ended.stderr
