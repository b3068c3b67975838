"""The embedded stack on good and bad days, as a person meets it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from infra.local.background import stop_supervisor
from infra.local.processes.ports import LOOPBACK
from infra.local.services.postgres import Postgres
from infra.local.stack import Stack
from infra.local.stack_file import supervisor_pid
from models.errors import Misconfigured, Unavailable

pytestmark = pytest.mark.integration
STORES = ("postgres", "kafka")


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; not under pytest's own folders, which are closed to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="tidewatch-stack-"))
    folder.chmod(0o711)
    yield folder
    stop_supervisor(folder, print)  # a failed test may have left one
    shutil.rmtree(folder, ignore_errors=True)


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TIDEWATCH_HOME": str(home)}


def tidewatch(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli.main", *arguments]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=120, check=False)


def up(home: Path) -> subprocess.CompletedProcess[str]:
    return tidewatch(home, "up", "--no-workers", "--no-mlflow")


def until(holds: Callable[[], bool], deadline_s: float = 30.0) -> None:
    give_up_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < give_up_s, "did not happen in time"
        time.sleep(0.05)


def processes_of(home: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if any(str(home) in part for part in p.info["cmdline"] or ())]


def query(url: str, statement: str) -> Any:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() if cursor.description else None
    finally:
        connection.close()


def test_up_status_down_are_idempotent_and_survive_the_supervisors_violent_death(home: Path) -> None:
    started = up(home)
    assert started.returncode == 0, started.stdout + started.stderr
    shown = json.loads(tidewatch(home, "status", "--json").stdout)
    assert {name: process["state"] for name, process in shown["processes"].items()} == dict.fromkeys(
        ("alertmanager", "prometheus", "postgres", "kafka"), "ready"
    )
    assert "already runs" in up(home).stdout
    assert supervisor_pid(home) == shown["supervisor"]

    os.kill(shown["supervisor"], signal.SIGKILL)
    until(lambda: supervisor_pid(home) is None)
    again = up(home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert tidewatch(home, "check", "--json").returncode == 0

    assert tidewatch(home, "down").returncode == 0
    assert processes_of(home) == []
    assert not (home / "stack.json").exists()
    assert tidewatch(home, "down").stdout == f"no stack runs in {home}\n"


def test_a_killed_service_is_back_on_its_port_with_its_data(home: Path) -> None:
    said: list[str] = []
    with Stack(home, said.append) as stack:
        stack.start(services=STORES, workers={})
        url, before = stack.addresses["database_url"], stack.services["postgres"].child.pid
        query(url, "CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(before, signal.SIGKILL)
        until(lambda: stack.services["postgres"].child.pid != before and stack.services["postgres"].ready())
        assert query(url, "SELECT number FROM kept") == (7,)
    assert any(line.startswith("postgres ended with -9; starting it again") for line in said)
    assert processes_of(home) == []


def test_a_held_service_stays_down_until_it_is_released(home: Path) -> None:
    with Stack(home, print) as stack:
        stack.start(services=["kafka"], workers={})
        stack.hold("kafka")
        assert not stack.services["kafka"].ready()
        stack.release("kafka")
        assert stack.services["kafka"].ready()


def test_a_taken_port_is_replaced_and_said(home: Path) -> None:
    said: list[str] = []
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind((LOOPBACK, 0))
        somebody.listen()
        taken = somebody.getsockname()[1]
        postgres = Postgres(home, said.append, wanted_port=taken).start()
        assert postgres.port != taken
        assert postgres.note == f"port {taken} is taken"
        postgres.stop()


def test_a_second_stack_in_the_same_home_is_refused(home: Path) -> None:
    with Stack(home, print) as first:
        first.start(services=["alertmanager"], workers={})
        with pytest.raises(Misconfigured, match="already runs"), Stack(home, print) as second:
            second.start(services=["alertmanager"], workers={})
        assert first.services["alertmanager"].ready()


def test_a_service_that_cannot_start_is_told_in_one_line_and_nothing_stays(home: Path) -> None:
    (home / "kafka").mkdir()
    (home / "kafka" / "log").write_text("where a folder should be")
    with pytest.raises(Unavailable) as caught, Stack(home, print) as stack:
        stack.start(services=STORES, workers={})
    assert "\n" not in str(caught.value)
    assert processes_of(home) == []


@pytest.mark.parametrize("sign", ["run/postgres.json", "run/kafka.json"], ids=["early", "late"])
def test_an_interrupted_start_takes_back_what_it_started(home: Path, sign: str) -> None:
    command = [sys.executable, "-m", "infra.cli.main", "up", "--no-workers", "--no-mlflow"]
    starting = subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until((home / sign).exists)
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=60)
    assert starting.returncode != 0
    until(lambda: processes_of(home) == [])


@pytest.mark.parametrize("moment", ["early", "late"])
def test_ctrl_c_ends_the_demo_at_any_time_with_nothing_left_running(home: Path, tmp_path: Path, moment: str) -> None:
    output = tmp_path / "output"
    with output.open("wb") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "infra.cli.main", "demo"],
            env=environment(home),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # its own group: a terminal sends Ctrl-C to all of it
        )
    if moment == "early":
        until((home / "run/postgres.json").exists)
    else:
        until(lambda: "samples/s" in output.read_text(), deadline_s=150.0)
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(60) == 0, output.read_text()
    assert "Traceback" not in output.read_text()
    until(lambda: processes_of(home) == [])
    assert not (home / "stack.json").exists()
