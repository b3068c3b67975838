"""A Prometheus server of our own, on the project's configuration and rules."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from infra.http import answers_ok
from infra.local.processes.ports import choose_port
from infra.local.processes.process import Program
from infra.local.services.service import Service
from infra.local.shipped import find_program, shipped

PREFERRED_PORT = 9090
JOBS = ("workers", "alertmanager")  # the target files that prometheus.yml names
RETENTION = "15d"
RETENTION_SIZE = "2GB"


class Prometheus(Service):
    """The server; what it scrapes may change while it runs (`targets`)."""

    name = "prometheus"

    def __init__(self, home: Path, wanted_port: int = PREFERRED_PORT) -> None:
        """Data and a copy of the configuration in `home/prometheus`; raises `Misconfigured` if not installed."""
        self._program = find_program("Prometheus", "prometheus")
        super().__init__(home, choose_port(wanted_port))
        self._folder = self.home / "prometheus"

    @property
    def url(self) -> str:
        """Base address of its API."""
        return f"http://{self.address}"

    def prepare(self) -> None:
        """Copy configuration and rules; there is nothing to scrape before `targets` says so."""
        source = shipped("prometheus")
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / "prometheus.yml", self._folder)
        shutil.rmtree(self._folder / "rules", ignore_errors=True)
        shutil.copytree(source / "rules", self._folder / "rules")
        for job in JOBS:
            if not (self._folder / "targets" / f"{job}.json").exists():
                self.targets(job, [])

    def targets(self, job: str, addresses: Sequence[str]) -> None:
        """Let one of `JOBS` scrape these addresses from the next refresh on."""
        folder = self._folder / "targets"
        folder.mkdir(parents=True, exist_ok=True)
        whole = folder / f".{job}.{os.getpid()}"
        whole.write_text(json.dumps([{"targets": list(addresses)}]))
        whole.replace(folder / f"{job}.json")

    def program(self) -> Program:
        """The server, with its lifecycle API off: it is restarted, never reloaded."""
        return Program(
            self.name,
            [
                self._program,
                f"--config.file={self._folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--storage.tsdb.retention.size={RETENTION_SIZE}",
                f"--web.listen-address={self.address}",
                "--log.level=warn",
            ],
            folder=self._folder,
        )

    def ready(self) -> bool:
        """Whether it serves queries."""
        return answers_ok(f"{self.url}/-/ready")
