"""The speed benchmark's own arithmetic: a figure is only as good as what counts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.kafka.partitioning import partition_of
from benchmarks.speed.catch_up import _wrong
from benchmarks.speed.figures import Figure
from benchmarks.speed.record import Record
from benchmarks.speed.table import markdown, number
from benchmarks.speed.workload import METRICS, Workload, service

ORDER = ("path", "latency")


@pytest.mark.parametrize(
    ("value", "goal", "at_most", "met"),
    [
        pytest.param(0.3, 0.25, False, True, id="above a goal from below"),
        pytest.param(0.2, 0.25, False, False, id="below it"),
        pytest.param(0.3, 1.0, True, True, id="below a goal from above"),
        pytest.param(1.1, 1.0, True, False, id="above it"),
        pytest.param(1.0, None, False, None, id="no goal"),
    ],
)
def test_a_figure_knows_whether_it_meets_its_goal(value: float, goal: float | None, at_most: bool, met: object) -> None:
    assert Figure("any", value, "x", goal, at_most).met is met


def test_rows_of_a_measurement_are_replaced_together_and_kept_for_their_commit(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    record = Record(path)
    rows = [Figure(name, 1.0, "s").row("command") for name in ("first", "second")]
    record.replace("latency", rows, "abc", ORDER)
    record.replace("path", rows[:1], "abc", ORDER)
    record.replace("latency", rows[1:], "def", ORDER)
    again = Record(path)
    assert [(row["measurement"], row["name"]) for row in again.rows] == [("path", "first"), ("latency", "second")]
    assert again.has("path", "abc")
    assert not again.has("path", "def")
    assert again.has("latency", "def")


@pytest.mark.parametrize("commit", [pytest.param("abc+", id="changed files"), pytest.param("", id="without git")])
def test_a_row_of_an_unknown_state_of_the_code_is_measured_again(tmp_path: Path, commit: str) -> None:
    record = Record(tmp_path / "latest.json")
    record.replace("path", [Figure("any", 1.0, "s").row("command")], commit, ORDER)
    assert not record.has("path", commit)


def test_the_last_offsets_are_those_that_publishing_would_give() -> None:
    workload, partitions = Workload(entities=13, ticks=3, start_s=0), 4
    next_offset = dict.fromkeys(range(partitions), 0)
    last: dict[int, dict[int, int]] = {}
    for _ in range(workload.ticks):
        for entity in range(workload.entities):
            source = entity % partitions
            next_offset[source] += len(METRICS)
            target = partition_of(f"{service(entity)}/i-{entity}".encode(), partitions)
            last.setdefault(target, {})[source] = next_offset[source] - 1
    assert workload.last_offsets(partitions) == last
    assert sum(next_offset.values()) == len(workload)


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        pytest.param([0, 1, 2], 0, id="all in order"),
        pytest.param([0, 1, 2, 3], 0, id="the newest is scored already"),
        pytest.param([0, 2, 1], 1, id="one out of order"),
        pytest.param([0, 1, 1, 2], 1, id="one repeated"),
        pytest.param([0, 2], 1, id="one missing"),
        pytest.param([], 3, id="none"),
    ],
)
def test_scores_that_are_missing_repeated_or_out_of_order_are_counted(seen: list[int], wrong: int) -> None:
    assert _wrong(seen, 3) == wrong


def test_the_table_shows_goals_and_what_missed_them() -> None:
    rows = [
        Figure("fast", 32_929.4, "samples/s").row(""),
        Figure("slow", 0.1927, "x", 0.25).row(""),
        Figure("short", 0.00005, "s", 1.0, at_most=True).row(""),
    ]
    assert markdown(rows).splitlines()[2:] == [
        "| fast | 32,929 | samples/s |  |  |",
        "| slow | 0.193 | x | ≥ 0.25 | **missed** |",
        "| short | 5e-05 | s | ≤ 1 | yes |",
    ]
    assert number(0) == "0"
