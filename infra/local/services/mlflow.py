"""An MLflow server of our own, on the embedded PostgreSQL."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.http import answers_ok
from infra.local.processes.ports import choose_port
from infra.local.processes.process import Program
from infra.local.services.mlflow_server import STORE_VARIABLE
from infra.local.services.service import Service

PREFERRED_PORT = 5000
DATABASE = "mlflow"


class Mlflow(Service):
    """The tracking server, registry and artifact proxy; artifacts in `home/artifacts`."""

    name = "mlflow"
    ready_deadline_s = 180.0  # the first start makes some fifty tables, and loads a lot of Python

    def __init__(self, home: Path, database_url: str, wanted_port: int = PREFERRED_PORT) -> None:
        """`database_url` names a database that is there and belongs to MLflow alone; a SQLite file will do."""
        super().__init__(home, choose_port(wanted_port))
        # the plain scheme makes SQLAlchemy look for another driver than the one we have
        self._store = database_url.replace("postgresql://", "postgresql+psycopg2://", 1)

    @property
    def url(self) -> str:
        """Tracking address."""
        return f"http://{self.address}"

    def prepare(self) -> None:
        """Make the artifacts' folder."""
        (self.home / "artifacts").mkdir(parents=True, exist_ok=True)

    def program(self) -> Program:
        """One process: no job runner, no telemetry."""
        return Program(
            self.name,
            [
                *(sys.executable, "-m", "infra.local.services.mlflow_server"),
                *("--port", str(self.port), "--artifacts", self.home / "artifacts"),
            ],
            environment={
                STORE_VARIABLE: self._store,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            stop_timeout_s=5.0,
        )

    def ready(self) -> bool:
        """Whether it serves the registry."""
        return answers_ok(f"{self.url}/health")
