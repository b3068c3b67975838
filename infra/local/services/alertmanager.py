"""An Alertmanager of our own, on the project's routing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from infra.alerting.webhook import PLACEHOLDER
from infra.http import answers_ok
from infra.local.processes.ports import choose_port
from infra.local.processes.process import Program
from infra.local.services.service import Service
from infra.local.shipped import find_program, shipped

PREFERRED_PORT = 9093


class AlertmanagerService(Service):
    """The server; delivers to the webhook it was given."""

    name = "alertmanager"

    def __init__(self, home: Path, webhook_url: str = "", wanted_port: int = PREFERRED_PORT) -> None:
        """Data and a copy of the configuration in `home/alertmanager`.

        Args:
            webhook_url: base address that takes the place of the shipped one; empty: that stays.

        Raises:
            Misconfigured: it is not installed.
        """
        self._program = find_program("AlertmanagerService", "alertmanager", "prometheus-alertmanager")
        super().__init__(home, choose_port(wanted_port))
        self._webhook_url = webhook_url
        self._folder = self.home / "alertmanager"

    @property
    def url(self) -> str:
        """Base address of its API."""
        return f"http://{self.address}"

    def prepare(self) -> None:
        """Copy configuration and templates, with our webhook in place."""
        shutil.copytree(shipped("alertmanager"), self._folder, dirs_exist_ok=True)
        configuration = self._folder / "alertmanager.yml"
        if self._webhook_url:
            settings = yaml.safe_load(configuration.read_text())
            deliver_to(settings, self._webhook_url)
            configuration.write_text(yaml.safe_dump(settings, sort_keys=False))

    def program(self) -> Program:
        """The server alone: no cluster, loopback only."""
        return Program(
            self.name,
            [
                self._program,
                f"--config.file={self._folder / 'alertmanager.yml'}",
                f"--storage.path={self._folder / 'data'}",
                f"--web.listen-address={self.address}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ],
            folder=self._folder,
        )

    def ready(self) -> bool:
        """Whether it takes alerts."""
        return answers_ok(f"{self.url}/-/ready")


def deliver_to(settings: dict[str, Any], webhook_url: str) -> None:
    """Put `webhook_url` in the place of the shipped base address, paths kept, in place; other webhooks stay.

    >>> settings = {"receivers": [{"name": "page", "webhook_configs": [{"url": "http://receiver:9095/page"}]}]}
    >>> deliver_to(settings, "http://127.0.0.1:8080")
    >>> settings["receivers"][0]["webhook_configs"]
    [{'url': 'http://127.0.0.1:8080/page'}]
    """
    for receiver in settings["receivers"]:
        for webhook in receiver.get("webhook_configs", ()):
            url = str(webhook["url"])
            if url.startswith(f"{PLACEHOLDER}/"):
                webhook["url"] = webhook_url.rstrip("/") + url.removeprefix(PLACEHOLDER)
