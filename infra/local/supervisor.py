"""`python -m infra.local.supervisor`: runs the embedded stack in the background for `tidewatch up`.

What happens is told line by line in `run/events.jsonl`: `{"line": ...}` for people, then `{"end": "ready"}` or
`{"end": "failed", "error": ..., "misuse": ...}` for whoever waits.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from infra.alerting.inbox import PREFERRED_PORT, Inbox
from infra.local.log_file import LogFile
from infra.local.processes.ports import choose_port
from infra.local.stack import SERVICES, WORKERS, Stack, external_addresses
from infra.settings import STACK_FILE, load
from models.errors import Misconfigured, TidewatchError


def events_file(home: Path) -> Path:
    """Where the supervisor of this home tells what happens."""
    return home / "run" / "events.jsonl"


def notifications_file(home: Path) -> Path:
    """Where everything that Alertmanager delivers is noted."""
    return home / "logs" / "notifications.log"


class Events:
    """Appends events to the file, from any thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a", buffering=1)
        self._turn = threading.Lock()

    def say(self, line: str) -> None:
        """Tell people."""
        self._write({"line": line})

    def end(self, how: str, **details: Any) -> None:
        """Tell whoever waits how the start ended."""
        self._write({"end": how, **details})

    def _write(self, event: dict[str, Any]) -> None:
        with self._turn:
            self._stream.write(json.dumps(event) + "\n")


def run(home: Path, *, workers: bool = True, mlflow: bool = True) -> int:
    """Run the stack until a signal, with or without workers and MLflow's server; the process's exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one way to be interrupted
    events, notifications = Events(events_file(home)), LogFile(notifications_file(home))
    try:
        (home / STACK_FILE).unlink(missing_ok=True)  # a killed run's addresses are not what a person has set
        with (
            closing(Inbox(notifications.write, time.time, port=choose_port(PREFERRED_PORT).number)) as inbox,
            Stack(home, events.say, external=external_addresses(load(home=home))) as stack,
        ):
            stack.start(
                webhook_url=inbox.url,
                services=[name for name in SERVICES if mlflow or name != "mlflow"],
                workers=WORKERS if workers else {},
            )
            events.end("ready")
            stack.wait()
    except TidewatchError as error:
        events.end("failed", error=str(error), misuse=isinstance(error, Misconfigured))
        return 1
    except KeyboardInterrupt:
        events.end("stopped")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the embedded stack until SIGTERM.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--no-workers", action="store_true")
    parser.add_argument("--no-mlflow", action="store_true")
    arguments = parser.parse_args()
    return run(arguments.home, workers=not arguments.no_workers, mlflow=not arguments.no_mlflow)


if __name__ == "__main__":
    sys.exit(main())
