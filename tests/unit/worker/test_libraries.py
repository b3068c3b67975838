"""A worker says which libraries it uses the slow way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agents.worker.libraries import SEAMS, report, tell
from models.names import Metric
from models.seams import Library, plain

ROOT = Path(__file__).parents[3]


def test_on_the_fast_path_there_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    tell(registry)
    assert caplog.records == []
    assert f"{Metric.LIBRARY_PLAIN}{{" not in generate_latest(registry).decode()
    assert [found["path"] for found in json.loads(report())] == ["fast"] * len(SEAMS)


def test_the_plain_path_is_one_warning_and_a_series(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    with plain(Library.AIOKAFKA):
        tell(registry)
    assert [record.getMessage() for record in caplog.records] == [
        "aiokafka: the slower plain path is taken, because plain_libraries says so"
    ]
    assert registry.get_sample_value(Metric.LIBRARY_PLAIN, {"library": "aiokafka", "reason": "plain-chosen"}) == 1


def test_the_setting_reaches_what_is_decided_by_imports() -> None:
    environment = {**os.environ, "TIDEWATCH_PLAIN_LIBRARIES": '["numba", "libc"]'}
    done = subprocess.run(
        [sys.executable, "-m", "agents", "--libraries"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {found["library"]: found["path"] for found in json.loads(done.stdout)} == {
        "aiokafka": "fast",
        "faust-streaming": "fast",
        "libc": "plain-chosen",
        "numba": "plain-chosen",
    }


def test_a_library_that_has_no_seam_is_misuse() -> None:
    environment = {**os.environ, "TIDEWATCH_PLAIN_LIBRARIES": '["pandas"]'}
    done = subprocess.run(
        [sys.executable, "-m", "agents", "--libraries"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "TIDEWATCH_PLAIN_LIBRARIES" in done.stderr
