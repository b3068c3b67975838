"""`tidewatch demo`: start everything, feed it, show what is caught."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    once: Annotated[
        bool, typer.Option("--once", help="Break things, and end with 0 only if every link of the chain was seen.")
    ] = False,
) -> None:
    """Watch this machine and three simulated services live, with incidents; Ctrl-C stops all of it.

    Examples:  tidewatch demo   ·   tidewatch demo --once
    """
    from rich.console import Console

    from infra.demo.run import run
    from infra.settings import load

    console = Console()
    try:
        seen = run(load(), console, once=once)
    except KeyboardInterrupt:
        raise typer.Exit(0 if not once else 130) from None
    raise typer.Exit(0 if seen else 1)
