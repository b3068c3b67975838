"""A pid file names one process for good."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.processes.pids import end, record, recorded, stop_recorded


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_the_process_that_was_recorded_is_found_again(tmp_path: Path) -> None:
    record(tmp_path / "run" / "me.json", os.getpid())
    found = recorded(tmp_path / "run" / "me.json")
    assert found is not None
    assert found.pid == os.getpid()


def test_a_pid_that_another_process_has_by_now_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    path = tmp_path / "kafka.json"
    an_hour_ago = psutil.Process(sleeper.pid).create_time() - 3600
    path.write_text(json.dumps({"pid": sleeper.pid, "started": an_hour_ago}))

    assert stop_recorded(path) is False
    assert sleeper.poll() is None
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "started": 1}', '{"pid": 99999999, "started": 1}'])
def test_a_damaged_or_stale_file_names_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kafka.json"
    path.write_text(text)
    assert recorded(path) is None


def test_a_process_that_ignores_its_stop_signal_is_killed() -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    stubborn = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()  # from here on it ignores SIGTERM
    stubborn.stdout.close()
    process = psutil.Process(stubborn.pid)
    end(process, timeout_s=0.2)
    assert not process.is_running()
    stubborn.wait()
