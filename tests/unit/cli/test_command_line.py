"""The frame of the command line: quick help, one-line errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import main as frame
from infra.local.status import without_password
from models.errors import Misconfigured, Rejected, TidewatchError, Unavailable
from models.reasons import RejectReason

HEAVY = ("aiokafka", "faust", "kafka", "mlflow", "numba", "numpy", "pandas", "psycopg2", "pydantic", "sklearn")


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["tidewatch", *arguments])
    with pytest.raises(SystemExit) as ended:
        frame.main()
    return int(ended.value.code or 0)


def test_help_loads_nothing_heavy_and_names_every_command() -> None:
    script = (
        "import sys; sys.argv = ['tidewatch', '--help']\n"
        "from infra.cli.main import main\n"
        "try: main()\n"
        f"finally: print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "heavy: []" in output
    assert all(f"  {name} " in output for name in frame.COMMANDS)


@pytest.mark.parametrize("name", frame.COMMANDS)
def test_every_command_loads_and_has_help(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([name, "--help"], monkeypatch) == 0


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (Misconfigured("set TIDEWATCH_KAFKA"), 2, "tidewatch: set TIDEWATCH_KAFKA\n"),
        (Unavailable("Kafka", "no answer"), 1, "tidewatch: Kafka is unavailable: no answer\n"),
        (Rejected(next(iter(RejectReason)), "line 3"), 1, None),
    ],
    ids=["what a person must change is misuse", "a dependency that is down is a failure", "bad data is a failure"],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: TidewatchError,
    code: int,
    line: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(frame, "app", fail)
    assert run([], monkeypatch) == code
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert line is None or written == line


def test_an_unknown_command_is_misuse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nonsense"], monkeypatch) == 2
    assert "No such command 'nonsense'" in capsys.readouterr().err


def test_status_of_a_home_without_a_stack_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    assert run(["status", "--json"], monkeypatch) == 1
    assert json.loads(capsys.readouterr().out) == {
        "home": str(tmp_path),
        "supervisor": None,
        "addresses": {},
        "processes": {},
    }


def test_check_says_for_every_missing_address_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    for setting in ("KAFKA", "DATABASE_URL", "MLFLOW_URL", "ALERTMANAGER_URL", "PROMETHEUS_URL"):
        monkeypatch.setenv(f"TIDEWATCH_{setting}", "")
    assert run(["check", "--json"], monkeypatch) == 1
    findings = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert [what for what, finding in findings.items() if finding["ok"]] == ["settings", "lake"]
    assert "TIDEWATCH_KAFKA" in findings["Kafka"]["advice"]


def test_check_tells_a_wrong_setting_and_stops_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEWATCH_PARTITIONS", "none")
    assert run(["check", "--json"], monkeypatch) == 1
    (finding,) = json.loads(capsys.readouterr().out)
    assert "TIDEWATCH_PARTITIONS" in finding["detail"]


def test_passwords_are_never_shown() -> None:
    assert without_password("postgresql://me:s3cret@h:1/d") == "postgresql://me:***@h:1/d"
