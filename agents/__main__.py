"""`python -m agents`: a worker."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agents.worker import run as worker
from agents.worker.app import ROLES
from infra.settings import load
from models.errors import Misconfigured

EXIT_MISUSE = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m agents", description="Run a Tidewatch worker.")
    parser.add_argument(
        "--agents", default=",".join(ROLES), help="which agents to run, separated by commas (default: all)"
    )
    parser.add_argument("--port-file", type=Path, help="write the port of /metrics to this file")
    arguments = parser.parse_args()
    roles = [role.strip() for role in arguments.agents.split(",") if role.strip()]
    try:
        return worker.run(load(), roles, arguments.port_file)
    except Misconfigured as error:
        sys.stderr.write(f"tidewatch worker: {error}\n")
        return EXIT_MISUSE


if __name__ == "__main__":
    sys.exit(main())
