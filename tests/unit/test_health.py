"""A container's health check finds the process by the file that it wrote, and believes nothing else."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from infra.alerting.webhook import WebhookReceiver
from infra.clock import SystemClock
from infra.health import HealthFile, check
from infra.local.processes.ports import choose_port

NOW_S = 1_000_000.0


class MovableClock:
    time_s = NOW_S

    def now_ns(self) -> int:
        return int(self.time_s * 1e9)

    def steady_s(self) -> float:
        return self.time_s


def test_nothing_runs_yet_where_there_is_no_file(tmp_path: Path) -> None:
    healthy, said = check(str(tmp_path / "none"), NOW_S)
    assert not healthy
    assert said.startswith("nothing runs yet")


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", ""])
def test_a_process_that_serves_is_asked_at_the_address_that_it_wrote_down(tmp_path: Path, host: str) -> None:
    path = tmp_path / "health"
    with closing(WebhookReceiver(time.time)) as serving:
        HealthFile(str(path), SystemClock()).ask_at(host, serving.port, "/ready")
        assert check(str(path), NOW_S) == (True, "200 ")
    healthy, said = check(str(path), NOW_S)
    assert not healthy
    assert "no answer from http://127.0.0.1" in said


def test_a_url_is_asked_without_a_file() -> None:
    healthy, said = check(f"http://127.0.0.1:{choose_port().number}/health", NOW_S)
    assert not healthy
    assert "Connection refused" in said


def test_a_delivery_counts_for_its_time_and_is_not_written_down_each_time(tmp_path: Path) -> None:
    clock, path = MovableClock(), tmp_path / "health"
    file = HealthFile(str(path), clock)
    file.good_for(40.0)
    assert check(str(path), NOW_S + 39.0) == (True, "delivers; good for 1 s more")
    assert check(str(path), NOW_S + 45.0) == (False, "has delivered nothing for 5 s longer than it may")
    clock.time_s += 9.0
    file.good_for(40.0)
    assert json.loads(path.read_text()) == {"good_until_s": NOW_S + 40.0}
    clock.time_s += 2.0
    file.good_for(40.0)
    assert json.loads(path.read_text()) == {"good_until_s": NOW_S + 51.0}


def test_who_ended_is_healthy_no_more(tmp_path: Path) -> None:
    path = tmp_path / "health"
    file = HealthFile(str(path), SystemClock())
    file.ask_at("0.0.0.0", 9108, "/ready")
    file.remove()
    assert not path.exists()


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = HealthFile("", SystemClock())
    file.ask_at("0.0.0.0", 9108, "/ready")
    file.remove()
    assert not list(tmp_path.iterdir())


def test_the_check_is_a_light_command_that_says_why(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "infra.health", str(tmp_path / "none")],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1
    assert done.stdout.startswith("nothing runs yet")
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3
