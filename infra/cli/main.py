"""`tidewatch`: finds the command, runs it, and tells errors in one line.

Exit codes: 0 good, 1 a finding or a failure, 2 misuse. Commands are imported when they run, because what they need
takes long to load and `--help` should not.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from models.errors import Misconfigured, TidewatchError

EXIT_FAILURE: Final = 1
EXIT_MISUSE: Final = 2


class Source(NamedTuple):
    """Where a command lives: a Typer app (`app`) or a function, and the line that `--help` shows."""

    module: str
    name: str
    help: str


COMMANDS: Final[dict[str, Source]] = {
    "up": Source("stack", "up", "Start the embedded stack in the background."),
    "down": Source("stack", "down", "Stop it."),
    "status": Source("stack", "status", "What of it runs, and where."),
    "demo": Source("demo", "command", "Start everything, feed it, show what is caught."),
    "worker": Source("worker", "command", "Run a Faust worker in the foreground."),
    "produce": Source("produce", "app", "Publish metrics: of this host, of a file, simulated."),
    "backtest": Source("backtest", "command", "Run the same core over files, without Kafka."),
    "slo": Source("slo.commands", "app", "Apply, list and judge SLOs."),
    "models": Source("models", "app", "List and roll back models."),
    "feedback": Source("feedback", "app", "Say which alerts were useful, noise or missed."),
    "check": Source("check", "command", "Test the configuration and every connection."),
}


class LazyCommand(TyperCommand):
    """Stands for a command in `--help`; becomes it when it is called."""

    def __init__(self, name: str, source: Source) -> None:
        super().__init__(name, help=source.help, short_help=source.help)
        self._source = source

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse `args` as the real command does."""
        return self._load().make_context(info_name, args, parent=parent, **extra)

    def _load(self) -> Any:
        found = getattr(importlib.import_module(f"infra.cli.{self._source.module}"), self._source.name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        single = typer.Typer(add_completion=False)
        single.command(self.name)(found)
        return typer.main.get_command(single)


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, in that order."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> LazyCommand | None:
        """The stand-in of one."""
        source = COMMANDS.get(cmd_name)
        return None if source is None else LazyCommand(cmd_name, source)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half the time to load, and errors of one line
    help="Watches cloud metrics as they stream through Kafka, finds anomalies and holds them against SLOs.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"tidewatch {version('tidewatch')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Only `--version` lives here; see `COMMANDS`."""


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        app()
    except TidewatchError as error:
        print(f"tidewatch: {error}", file=sys.stderr)
        sys.exit(EXIT_MISUSE if isinstance(error, Misconfigured) else EXIT_FAILURE)


if __name__ == "__main__":
    main()
