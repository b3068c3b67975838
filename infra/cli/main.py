"""`tidewatch`: finds the command, runs it, and tells errors in one line.

Exit codes: 0 good, 1 a finding or a failure, 2 misuse. Commands are imported when they run, because what they need
takes long to load and `--help` should not.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final, TextIO, cast

import typer

from infra import loops
from infra.cli.typer_seams import CommandSource, application
from infra.terminal import PlainStream
from models.errors import Misconfigured, TidewatchError
from models.plain_text import one_line

EXIT_FAILURE: Final = 1
EXIT_MISUSE: Final = 2


COMMANDS: Final[dict[str, CommandSource]] = {
    "up": CommandSource("infra.cli.stack", "up", "Start the embedded stack in the background."),
    "down": CommandSource("infra.cli.stack", "down", "Stop it."),
    "status": CommandSource("infra.cli.stack", "status", "What of it runs, and where."),
    "demo": CommandSource("infra.cli.demo", "command", "Start everything, feed it, show what is caught."),
    "worker": CommandSource("infra.cli.worker", "command", "Run a Faust worker in the foreground."),
    "produce": CommandSource("infra.cli.produce", "app", "Publish metrics: of this host, of a file, simulated."),
    "backtest": CommandSource("infra.cli.backtest", "command", "Run the same core over files, without Kafka."),
    "slo": CommandSource("infra.cli.slo.commands", "app", "Apply, list and judge SLOs."),
    "models": CommandSource("infra.cli.models", "app", "List and roll back models."),
    "receiver": CommandSource("infra.cli.receiver", "command", "Show what Alertmanager delivers."),
    "feedback": CommandSource("infra.cli.feedback", "app", "Say which alerts were useful, noise or missed."),
    "entities": CommandSource("infra.cli.entities", "entities_app", "What comes in and how it is judged."),
    "top": CommandSource("infra.cli.entities", "top_app", "The same, live."),
    "dead-letters": CommandSource("infra.cli.dead_letters", "app", "What was refused, why, and sending it again."),
    "check": CommandSource("infra.cli.check", "command", "Test the configuration and every connection."),
    "repair": CommandSource("infra.cli.repair", "command", "Let progress of a lost topic or cluster begin anew."),
}


def _choose_paths() -> None:
    """Say which paths of libraries this process takes, before a command imports what compiles loops."""
    from infra.settings import plain_libraries
    from models.seams import choose_plain

    choose_plain(plain_libraries())


app = application(
    COMMANDS,
    _choose_paths,
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
    sys.stdout = cast("TextIO", PlainStream(sys.stdout))
    loops.prepare()
    try:
        app()
    except TidewatchError as error:
        print(f"tidewatch: {one_line(str(error))}", file=sys.stderr)
        sys.exit(EXIT_MISUSE if isinstance(error, Misconfigured) else EXIT_FAILURE)


if __name__ == "__main__":
    main()
