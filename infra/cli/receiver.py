"""`tidewatch receiver`."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import Annotated

import typer


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, help="Port to listen on; 0 for a free one.")] = 9095,
) -> None:
    """Show what Alertmanager delivers, a line an alert, until a signal ends it.

    It stands for your own way to on-call until you put that into `alertmanager/alertmanager.yml`.
    """
    from infra.alerting.inbox import Inbox
    from infra.clock import SystemClock
    from infra.health import HealthFile
    from infra.settings import load

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    health_file = HealthFile(load().health_file, SystemClock())

    def show(lines: Sequence[str]) -> None:
        print("".join(lines), end="", flush=True)

    with contextlib.closing(Inbox(show, time.time, host=host, port=port)) as inbox:
        health_file.ask_at(host, inbox.port, "/")
        print(f"receiver: what Alertmanager delivers to port {inbox.port} is shown here", file=sys.stderr)
        ended.wait()
    health_file.remove()
