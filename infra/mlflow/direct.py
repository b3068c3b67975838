"""MLflow's backend store in PostgreSQL, used without a tracking server, by MLflow's own client.

For a machine that has no room for the server (250 MB and more, 11 s to start). Artifacts are files of a folder that
trainer and workers must share. Our runs are in an experiment of their own, since where an experiment's artifacts go is
fixed when it is made.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg2

from infra.mlflow.backend import ModelVersion, Run
from infra.packages import require_packages
from models.errors import Unavailable

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

T = TypeVar("T")

EXPERIMENT: Final = "tidewatch-direct"
PAGE: Final = 200
CONNECT_TIMEOUT_S: Final = 5
MISSING: Final = "RESOURCE_DOES_NOT_EXIST"
THERE: Final = "RESOURCE_ALREADY_EXISTS"
DEFECTS: Final = frozenset({"BAD_REQUEST", "INVALID_PARAMETER_VALUE", MISSING, THERE})
"""Errors that say that a call was wrong; every other one is about the store."""


class DirectBackend:
    """The store at `address` (`postgresql://`), with model files in the folder `artifacts`."""

    def __init__(self, address: str, artifacts: Path) -> None:
        _knock(address)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        logging.getLogger("alembic").setLevel(logging.WARNING)
        require_packages("mlflow")
        from mlflow import MlflowClient

        # SQLAlchemy 2.1 takes the plain scheme for psycopg 3, which we do not use
        uri = address.replace("postgresql://", "postgresql+psycopg2://", 1)
        self._artifacts = artifacts.absolute()
        with _told():
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def create_run(self, run_name: str, tags: Mapping[str, str]) -> Run:
        """A run in our experiment."""
        with _told():
            run = self._client.create_run(self._experiment(), run_name=run_name, tags=dict(tags))
        return Run(run.info.run_id, str(run.info.artifact_uri))

    def finish_run(
        self, run: Run, params: Mapping[str, str], metrics: Mapping[str, float], name: str, body: bytes
    ) -> None:
        """Figures, the file, the end."""
        with _told(), tempfile.TemporaryDirectory() as folder:
            for key, value in params.items():
                self._client.log_param(run.run_id, key, value)
            for key, figure in metrics.items():
                self._client.log_metric(run.run_id, key, figure)
            file = Path(folder) / name
            file.write_bytes(body)
            self._client.log_artifact(run.run_id, str(file))
            self._client.set_terminated(run.run_id)

    def metrics(self, run_id: str) -> dict[str, float]:
        """Figures of a run."""
        with _told():
            return dict(self._client.get_run(run_id).data.metrics)

    def create_model(self, name: str) -> None:
        """Make a registered model, unless it is there."""
        with _told():
            _unless(THERE, lambda: self._client.create_registered_model(name))

    def models(self) -> list[str]:
        """Names of all registered models."""
        names: list[str] = []
        token = None
        with _told():
            while True:
                page = self._client.search_registered_models(max_results=PAGE, page_token=token)
                names += [model.name for model in page]
                token = page.token
                if not token:
                    return names

    def aliases(self, name: str) -> dict[str, str]:
        """Alias → version."""
        with _told():
            model = _unless(MISSING, lambda: self._client.get_registered_model(name))
        return {} if model is None else {alias: str(number) for alias, number in model.aliases.items()}

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Point an alias to a version."""
        with _told():
            self._client.set_registered_model_alias(name, alias, number)

    def create_version(self, name: str, run: Run, source: str, tags: Mapping[str, str]) -> ModelVersion:
        """Register a file of a run."""
        with _told():
            return _version(self._client.create_model_version(name, source, run_id=run.run_id, tags=dict(tags)))

    def version(self, name: str, number: str) -> ModelVersion | None:
        """One version."""
        if not number.isdigit():
            return None
        with _told():
            found = _unless(MISSING, lambda: self._client.get_model_version(name, number))
        return None if found is None else _version(found)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions, newest first."""
        found: list[ModelVersion] = []
        token = None
        with _told():
            while True:
                page = self._client.search_model_versions(f"name = '{name}'", max_results=PAGE, page_token=token)
                found += [_version(version) for version in page]
                token = page.token
                if not token:
                    return sorted(found, key=lambda version: -int(version.number))

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        with _told():
            self._client.set_model_version_tag(name, number, key, value)

    def _experiment(self) -> str:
        existing = self._client.get_experiment_by_name(EXPERIMENT)
        if existing is not None:
            return str(existing.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, artifact_location=self._artifacts.as_uri()))


def _knock(address: str) -> None:
    """Raise `Unavailable` unless PostgreSQL answers: MLflow itself would try for a minute and a half."""
    try:
        psycopg2.connect(address, connect_timeout=CONNECT_TIMEOUT_S).close()
    except psycopg2.OperationalError as error:
        raise Unavailable("MLflow", _line(error)) from error


def _version(version: MlflowVersion) -> ModelVersion:
    return ModelVersion(
        number=str(version.version),
        source=str(version.source),
        run_id=version.run_id or "",
        created_ms=int(version.creation_timestamp),
        tags=dict(version.tags),
    )


def _unless(code: str, call: Callable[[], T]) -> T | None:
    """Result of `call`; None where MLflow answers with this error code."""
    from mlflow.exceptions import MlflowException

    try:
        return call()
    except MlflowException as error:
        if error.error_code == code:
            return None
        raise


@contextmanager
def _told() -> Iterator[None]:
    """A store that does not answer becomes `Unavailable`; a call that MLflow finds wrong stays the defect it is."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except MlflowException as error:
        if error.error_code in DEFECTS:
            raise
        raise Unavailable("MLflow", _line(error)) from error
    except (OperationalError, OSError) as error:
        raise Unavailable("MLflow", _line(error)) from error


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
