"""`tidewatch worker`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def command(
    agents: Annotated[
        str, typer.Option(help="Which agents to run, separated by commas; all of them when not given.")
    ] = "",
) -> None:
    """Run a Faust worker in the foreground, until a signal ends it."""
    chosen = ["--agents", agents] if agents else []
    # replaces this process: `infra` never imports `agents`, and signals reach the worker itself
    os.execv(sys.executable, [sys.executable, "-m", "agents", *chosen])
