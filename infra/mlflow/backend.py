"""What the registry needs of MLflow, whichever way it is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was just made; `artifact_uri` is the folder of its files."""

    run_id: str
    artifact_uri: str


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model version as MLflow has it; `created_ms` is epoch milliseconds."""

    number: str
    source: str
    run_id: str
    created_ms: int
    tags: Mapping[str, str]


class MlflowBackend(Protocol):
    """Tracking and registry. Every method raises `Unavailable` when MLflow does not answer."""

    def create_run(self, run_name: str, tags: Mapping[str, str]) -> Run:
        """Start a run in our experiment, which is made when it is not there."""

    def finish_run(
        self, run: Run, params: Mapping[str, str], metrics: Mapping[str, float], name: str, body: bytes
    ) -> None:
        """Store a run's figures and its one file, and end it."""

    def metrics(self, run_id: str) -> dict[str, float]:
        """Figures of a run."""

    def create_model(self, name: str) -> None:
        """Make a registered model, unless it is there."""

    def models(self) -> list[str]:
        """Names of all registered models."""

    def aliases(self, name: str) -> dict[str, str]:
        """Alias → version of a registered model; nothing for one that is not there."""

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Point an alias to a version, away from whichever it pointed to."""

    def create_version(self, name: str, run: Run, source: str, tags: Mapping[str, str]) -> ModelVersion:
        """Register a file of a run as the model's next version."""

    def version(self, name: str, number: str) -> ModelVersion | None:
        """One version; None where there is none."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, newest first."""

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        """Set a tag of a version."""
