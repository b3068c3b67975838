"""A Faust worker as a service of the embedded stack."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from infra.http import answers_ok
from infra.local.processes.ports import choose_port
from infra.local.processes.process import Program
from infra.local.services.service import Service

PREFERRED_PORT = 9108


class Worker(Service):
    """`python -m agents` with some of the agents; takes its addresses from the stack's file in `home`."""

    def __init__(
        self,
        home: Path,
        name: str,
        agents: str,
        wanted_port: int = PREFERRED_PORT,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`agents` is a list of agents separated by commas; `settings` go before those of the environment."""
        super().__init__(home, choose_port(wanted_port))
        self.name = name
        self._agents = agents
        self._settings = {f"TIDEWATCH_{key.upper()}": value for key, value in (settings or {}).items()}

    def prepare(self) -> None:
        """Take another port when somebody took ours while the worker was down."""
        self.port = choose_port(self.port).number

    def program(self) -> Program:
        """The worker, told where the stack lives and where to serve its metrics."""
        return Program(
            self.name,
            [sys.executable, "-m", "agents", "--agents", self._agents],
            environment={
                **self._settings,
                "TIDEWATCH_HOME": str(self.home),
                "TIDEWATCH_METRICS_PORT": str(self.port),
            },
        )

    def ready(self) -> bool:
        """Whether it serves its metrics."""
        return answers_ok(f"http://{self.address}/metrics")
