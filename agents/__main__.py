"""`python -m agents`: a worker."""

from __future__ import annotations

import argparse
import sys

from agents.worker.roles import ROLES
from infra.settings import load
from models.errors import Misconfigured
from models.seams import choose_plain

EXIT_MISUSE = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m agents", description="Run a Tidewatch worker.")
    parser.add_argument(
        "--agents", default=",".join(ROLES), help="which agents to run, separated by commas (default: all)"
    )
    parser.add_argument("--libraries", action="store_true", help="say how parts of libraries are used, and end")
    arguments = parser.parse_args()
    roles = [role.strip() for role in arguments.agents.split(",") if role.strip()]
    try:
        settings = load()
        choose_plain(settings.plain_libraries)
        # only now: what is imported asks which paths to take, and compiles its loops accordingly
        if arguments.libraries:
            from agents.worker.libraries import report

            sys.stdout.write(report())
            return 0
        from agents.worker import run as worker

        return worker.run(settings, roles)
    except Misconfigured as error:
        sys.stderr.write(f"tidewatch worker: {error}\n")
        return EXIT_MISUSE


if __name__ == "__main__":
    sys.exit(main())
