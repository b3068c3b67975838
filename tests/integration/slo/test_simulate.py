"""`tidewatch slo simulate` on files and on the lake."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from infra.cli.slo.commands import app
from infra.datafile.read import read_data
from infra.lake.lake import LakeWriter
from infra.settings import load
from models.errors import Misconfigured

pytestmark = pytest.mark.integration

START_S = 1_780_000_020 // 86_400 * 86_400
BAD_MINUTES = range(300, 330)
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: web-ok}
spec:
  service: web
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: tidewatch, spec: {metric: bad_total, labels: {service: web}}}}
        total: {metricSource: {type: tidewatch, spec: {metric: all_total, labels: {service: web}}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""


def wide() -> pd.DataFrame:
    """A day of counters, of which every event of half an hour is bad."""
    minutes = np.arange(1440)
    bad = np.where(np.isin(minutes, BAD_MINUTES), 100, 0)
    stamps = pd.to_datetime(START_S + 60 * minutes, unit="s", utc=True)
    return pd.DataFrame(
        {"timestamp": stamps, "service": "web", "all_total": 100.0 * minutes, "bad_total": np.cumsum(bad) * 1.0}
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slo.yaml").write_text(SLO)
    wide().to_csv(tmp_path / "web.csv", index=False)
    return tmp_path


def simulated(*arguments: str) -> list[dict[str, str]]:
    run = CliRunner().invoke(app, ["simulate", *arguments, "--json"], catch_exceptions=False)
    assert run.exit_code == 0
    found: list[dict[str, str]] = json.loads(run.stdout)
    return found


def test_transitions_are_a_list_in_order_of_time(folder: Path) -> None:
    found = simulated("--data", "web.csv", "--slo", "slo.yaml")
    assert found[0] == {
        "slo": "web-ok",
        "severity": "page",
        "burn_window": "1h",
        "state": "firing",
        "at": "2026-05-28T05:00:00Z",
    }
    assert [change["at"] for change in found] == sorted(change["at"] for change in found)
    for window in ("1h", "6h", "1d", "3d"):
        states = [change["state"] for change in found if change["burn_window"] == window]
        assert states == ["firing", "resolved"]


def test_wide_long_gzip_parquet_folder_and_lake_give_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = simulated("--data", "web.csv", "--slo", "slo.yaml")
    frame = wide()
    long = frame.melt(["timestamp", "service"], var_name="metric", value_name="value")
    with gzip.open("long.csv.gz", "wt") as file:
        file.write(long.to_csv(index=False))
    frame.to_parquet("web.parquet")
    split = folder / "split"  # the two metrics of one entity in files of their own
    split.mkdir()
    frame.drop(columns="bad_total").to_csv(split / "all.csv", index=False)
    frame.drop(columns="all_total").to_csv(split / "bad.csv", index=False)
    for data in ("long.csv.gz", "web.parquet", "split"):
        assert simulated("--data", data, "--slo", "slo.yaml") == expected
    monkeypatch.setenv("TIDEWATCH_LAKE", str(folder / "lake"))
    writer = LakeWriter(folder / "lake", load().entity_rule)
    for chunk in read_data(folder / "web.csv", load().entity_rule):
        writer.append(chunk.columns, "metrics:0", np.arange(len(chunk.columns)))
    writer.flush()
    span = ("--since", "2026-05-27T00:00:00Z", "--until", "2026-05-30T00:00:00Z")
    assert simulated("--lake", *span, "--slo", "slo.yaml") == expected


def test_variants_are_compared_side_by_side_with_a_suggestion(folder: Path) -> None:
    Path("noise.csv").write_text(f"entity,start,end\nweb,{START_S + 299 * 60},{START_S + 331 * 60}\n")
    arguments = ("--data", "web.csv", "--slo", "slo.yaml", "--target", "90%,0.99", "--target", "99.9")
    found = simulated(*arguments, "--noise", "noise.csv", "--summary")
    assert [s["variant"] for s in found] == ["target=90%", "target=99%", "target=99.9%"]
    assert [(s["pages"], s["pages_for_noise"]) for s in found] == [(0, 0), (2, 2), (2, 2)]
    assert {s["suggested_target_ratio"] for s in found} == {0.965}
    assert {change["variant"] for change in simulated(*arguments)} == {"target=99%", "target=99.9%"}


def test_the_tables_show_what_json_tells_each_row_on_a_line_of_its_own(folder: Path) -> None:
    arguments = ["simulate", "--data", "web.csv", "--slo", "slo.yaml", "--target", "99,99.9"]
    run = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"COLUMNS": "40"})
    lines = [line.split() for line in run.stdout.splitlines()]
    assert lines[1:3] == [
        [
            "web-ok",
            "99%",
            "30d",
            "2",
            "14",
            "min",
            "17",
            "min",
            "2",
            "7",
            "min",
            "4.0",
            "h",
            "2.08%",
            "93.1%",
            "24.0",
            "h",
        ],
        [
            "web-ok",
            "99.9%",
            "30d",
            "2",
            "90",
            "s",
            "18",
            "min",
            "2",
            "60",
            "s",
            "4.0",
            "h",
            "2.08%",
            "30.6%",
            "24.0",
            "h",
        ],
    ]
    assert ["2026-05-28T05:00:00Z", "web-ok", "target=99.9%", "page", "1h", "firing"] in lines


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--slo", "slo.yaml"], "either --data FILE or --lake"),
        (["--data", "none.csv", "--slo", "slo.yaml"], "no such file or folder"),
        (["--data", "web.csv", "--slo", "slo.yaml", "--target", "1.0%%"], "--target: '1.0%' is not a number"),
        (["--data", "web.csv", "--slo", "slo.yaml", "--target", "100"], "leaves no error budget"),
        (["--data", "web.csv", "--slo", "slo.yaml", "--threshold", "5"], "none of web-ok has a threshold to change"),
        (["--data", "web.csv", "--slo", "slo.yaml", "--period", "5s"], "--period: must be a number and one of"),
        (["--lake", "--since", "yesterday", "--slo", "slo.yaml"], "'yesterday' is no time"),
    ],
)
def test_misuse_is_told_in_one_line(folder: Path, arguments: list[str], complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint.replace("(", r"\(")):
        CliRunner().invoke(app, ["simulate", *arguments], catch_exceptions=False)


def test_samples_that_count_for_no_slo_are_a_mistake_and_half_of_them_a_warning(folder: Path) -> None:
    wide().drop(columns=["all_total", "bad_total"]).assign(other=1.0).to_csv("other.csv", index=False)
    with pytest.raises(Misconfigured, match="wanted: all_total, bad_total"):
        CliRunner().invoke(app, ["simulate", "--data", "other.csv", "--slo", "slo.yaml"], catch_exceptions=False)
    wide().drop(columns="bad_total").to_csv("half.csv", index=False)
    run = CliRunner().invoke(
        app, ["simulate", "--data", "half.csv", "--slo", "slo.yaml", "--json"], catch_exceptions=False
    )
    assert json.loads(run.stdout) == []
    assert "no series of bad_total for its bad events came" in run.stderr
