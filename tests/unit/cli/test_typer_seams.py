"""Commands that are imported when they are called, and all of them at once where that can't be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import typer
from typer.testing import CliRunner

from infra.cli.main import COMMANDS
from infra.cli.typer_seams import SEAM, application
from models.seams import Library, plain


def make(before: Callable[[], None] = lambda: None) -> typer.Typer:
    app = application(COMMANDS, before, add_completion=False, rich_markup_mode=None)
    app.callback()(lambda: None)  # as the command line has one
    return app


@pytest.fixture(params=["fast", "plain"])
def app(request: pytest.FixtureRequest) -> Iterator[typer.Typer]:
    if request.param == "fast":
        assert SEAM.moved == ()
        yield make()
        return
    with plain(Library.TYPER):
        yield make()


def test_help_names_every_command_with_its_line(app: typer.Typer) -> None:
    said = " ".join(CliRunner().invoke(app, ["--help"]).output.split())
    for name, source in COMMANDS.items():
        assert f"{name} {source.help}" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["slo", "--help"], 0, "maintenance"),
        (["backtest", "--help"], 0, "--out"),
        (["produce", "simulate", "--help"], 0, "--duration"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["check", "--nonsense"], 2, "No such option"),
    ],
    ids=["a group", "a single command", "a command of a group", "an unknown command", "an unknown option"],
)
def test_commands_are_found_and_misuse_is_told(app: typer.Typer, arguments: list[str], code: int, said: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code
    assert said in done.output


def test_paths_are_chosen_before_a_command_is_imported() -> None:
    told: list[str] = []
    app = make(lambda: told.append("chosen"))
    CliRunner().invoke(app, ["--help"])
    assert told == []
    CliRunner().invoke(app, ["check", "--help"])
    assert told == ["chosen"]
