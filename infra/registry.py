"""MLflow as the one place that says which model is champion.

One registered model a service, aliases `challenger` and `champion`. Everything that matters later is a tag of the
version (`tidewatch.*`), so that a repeat of a request after a crash finds what the first attempt left.

Two ways in, told apart by the address:

- `http(s)://...`: a tracking server; artifacts go through it (`mlflow-artifacts:`), which workers anywhere fetch.
- `postgresql://...`: the backend store directly, without a server (23 s to start, 1.4 GB); artifacts are files of
  `artifacts`, which trainer and workers must share. Its runs are in an experiment of their own, since an experiment's
  artifact location is fixed when it is made.

Importing this module is cheap; making a `Registry` imports MLflow (3 to 11 s, 200 MB): in the trainer's child or a
command only, never in a worker.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from models.errors import Misconfigured, Unavailable
from models.names import CHALLENGER_ALIAS, CHAMPION_ALIAS, registered_model, service_of_model

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

T = TypeVar("T")

EXPERIMENT: Final = "tidewatch"
DIRECT_EXPERIMENT: Final = "tidewatch-direct"
ARTIFACT: Final = "model.npz"
# MLflow's own are 120 s and 7 retries with doubling waits, 4 minutes in all; whoever calls us retries by itself
HTTP_TIMEOUT_S: Final = 15
HTTP_RETRIES: Final = 1

DEFECTS: Final = frozenset(
    {"BAD_REQUEST", "INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"}
)
REFUSALS: Final = frozenset({"CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED", "UNAUTHENTICATED"})

TAG_SHA256: Final = "tidewatch.sha256"
TAG_REQUEST: Final = "tidewatch.request_id"
TAG_REASON: Final = "tidewatch.reason"
TAG_OUTCOME: Final = "tidewatch.outcome"
TAG_DETAIL: Final = "tidewatch.detail"
TAG_ROLLED_BACK: Final = "tidewatch.rolled_back"
TAG_REPLACED: Final = "tidewatch.replaced"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of a service's model.

    Attributes:
        version: MLflow's number, as text. artifact: URI of the `.npz`. sha256: its checksum, hex.
        created_ns: when it was registered, nanoseconds. tags: all tags of the version.
        metrics: figures of its run. aliases: `champion`, `challenger`.
    """

    service: str
    version: str
    artifact: str
    sha256: str
    created_ns: int
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


class Registry:
    """The registered models of all services. Every method raises `Unavailable` when MLflow does not answer."""

    def __init__(self, address: str, artifacts: str | Path) -> None:
        """Connect.

        Args:
            address: `http(s)://` tracking server or `postgresql://` backend store.
            artifacts: folder for model files when there is no server.
        """
        _configure()
        from mlflow import MlflowClient

        self._direct = not address.startswith(("http://", "https://"))
        if self._direct and not address.startswith("postgresql"):
            scheme = address.partition(":")[0]
            raise Misconfigured(f"TIDEWATCH_MLFLOW_URL begins with {scheme}:, not with http(s):// or postgresql://")
        uri = address.replace("postgresql://", "postgresql+psycopg2://", 1)
        self._artifacts = Path(artifacts).absolute()
        with _told():
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def register(
        self,
        service: str,
        body: bytes,
        *,
        params: Mapping[str, str | float | int],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> RegisteredVersion:
        """Log a run with the model file and make a version of it, which becomes the service's challenger.

        Args:
            body: the `.npz` file. metrics: finite figures only. tags: tags of the version; must hold `TAG_SHA256`.
        """
        name = registered_model(service)
        with _told():
            run = self._client.create_run(
                self._experiment(), run_name=f"{service}: {tags.get(TAG_REASON, '')}", tags={"service": service, **tags}
            )
            for key, value in params.items():
                self._client.log_param(run.info.run_id, key, value)
            for key, figure in metrics.items():
                self._client.log_metric(run.info.run_id, key, figure)
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / ARTIFACT
                file.write_bytes(body)
                self._client.log_artifact(run.info.run_id, str(file))
            self._client.set_terminated(run.info.run_id)
            self._create_model(name)
            version = self._client.create_model_version(
                name, source=f"{run.info.artifact_uri}/{ARTIFACT}", run_id=run.info.run_id, tags=dict(tags)
            )
            self._client.set_registered_model_alias(name, CHALLENGER_ALIAS, str(version.version))
        return _version(service, version, metrics, (CHALLENGER_ALIAS,))

    def champion(self, service: str) -> RegisteredVersion | None:
        """The version that has the champion alias; None where the service has none."""
        number = self._aliases(service).get(CHAMPION_ALIAS)
        return None if number is None else self.version(service, number)

    def version(self, service: str, number: str) -> RegisteredVersion:
        """One version by its number; raises `Misconfigured` where there is none."""
        with _told():
            version = _found(lambda: self._client.get_model_version(registered_model(service), number))
        if version is None:
            raise Misconfigured(f"{service} has no model version {number}: see `tidewatch models list`")
        return self._described(service, version)

    def of_request(self, service: str, request_id: str) -> RegisteredVersion | None:
        """The version that an earlier attempt at the same request registered, if it got that far."""
        for version in self._search(service, f" and tag.`{TAG_REQUEST}` = '{_quoted(request_id)}'"):
            return self._described(service, version)
        return None

    def versions(self, service: str) -> list[RegisteredVersion]:
        """All versions of a service, newest first."""
        return [self._described(service, version) for version in self._search(service)]

    def services(self) -> list[str]:
        """Services that have a registered model, sorted."""
        with _told():
            names, token = [], None
            while True:
                page = self._client.search_registered_models(max_results=100, page_token=token)
                names += [service_of_model(model.name) for model in page]
                token = page.token
                if not token:
                    return sorted(name for name in names if name is not None)

    def promote(self, version: RegisteredVersion) -> None:
        """Give `version` the champion alias, taking it from whichever has it; doing it twice changes nothing more."""
        name = registered_model(version.service)
        previous = self._aliases(version.service).get(CHAMPION_ALIAS)
        with _told():
            if previous not in (None, version.version):
                self._client.set_model_version_tag(name, version.version, TAG_REPLACED, previous)
            self._client.set_registered_model_alias(name, CHAMPION_ALIAS, version.version)

    def roll_back(self, champion: RegisteredVersion, to: RegisteredVersion, at: str) -> None:
        """Give the champion alias to an earlier version, and note `at` on the one that loses it."""
        name = registered_model(champion.service)
        with _told():
            self._client.set_model_version_tag(name, champion.version, TAG_ROLLED_BACK, at)
            self._client.set_registered_model_alias(name, CHAMPION_ALIAS, to.version)

    def before(self, champion: RegisteredVersion) -> RegisteredVersion:
        """The version `champion` replaced, where a rollback leads; raises `Misconfigured` where it replaced none."""
        replaced = champion.tags.get(TAG_REPLACED)
        if replaced is None:
            raise Misconfigured(
                f"version {champion.version} of {champion.service} replaced no other; name one with --to"
            )
        return self.version(champion.service, replaced)

    def _experiment(self) -> str:
        name = DIRECT_EXPERIMENT if self._direct else EXPERIMENT
        existing = self._client.get_experiment_by_name(name)
        if existing is not None:
            return str(existing.experiment_id)
        location = self._artifacts.as_uri() if self._direct else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _create_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _aliases(self, service: str) -> dict[str, str]:
        with _told():
            model = _found(lambda: self._client.get_registered_model(registered_model(service)))
        return {} if model is None else {alias: str(number) for alias, number in model.aliases.items()}

    def _search(self, service: str, condition: str = "") -> list[ModelVersion]:
        with _told():
            found: list[ModelVersion] = []
            token = None
            while True:
                page = self._client.search_model_versions(
                    f"name = '{_quoted(registered_model(service))}'{condition}", max_results=200, page_token=token
                )
                found += page
                token = page.token
                if not token:
                    return sorted(found, key=lambda version: -int(version.version))

    def _described(self, service: str, version: ModelVersion) -> RegisteredVersion:
        aliases = tuple(alias for alias, number in self._aliases(service).items() if number == str(version.version))
        with _told():
            metrics = self._client.get_run(version.run_id).data.metrics if version.run_id else {}
        return _version(service, version, metrics, aliases)


def _version(
    service: str, version: ModelVersion, metrics: Mapping[str, float], aliases: tuple[str, ...]
) -> RegisteredVersion:
    return RegisteredVersion(
        service=service,
        version=str(version.version),
        artifact=str(version.source),
        sha256=version.tags.get(TAG_SHA256, ""),
        created_ns=int(version.creation_timestamp) * 1_000_000,
        tags=dict(version.tags),
        metrics=dict(metrics),
        aliases=tuple(sorted(aliases)),
    )


def _quoted(text: str) -> str:
    """Text inside a single-quoted literal of MLflow's search filter, which has no escape for a quote."""
    if "'" in text:
        raise Misconfigured(f"{text!r} cannot be looked up in MLflow: it holds a quote")
    return text


def _configure() -> None:
    """Settings MLflow reads from the environment of this process; a person's own values win."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(HTTP_TIMEOUT_S))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(HTTP_RETRIES))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _found(look_up: Callable[[], T]) -> T | None:
    """Result of `look_up`; None where MLflow says that there is no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return look_up()
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


@contextmanager
def _told() -> Iterator[None]:
    """MLflow's errors in our three meanings. A call that MLflow finds wrong is a defect of ours and stays as it is."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except MlflowException as error:
        if error.error_code in DEFECTS:
            raise
        if error.error_code in REFUSALS:
            raise Misconfigured(f"MLflow refuses: {_line(error)}") from error
        raise Unavailable("MLflow", _line(error)) from error
    except (OperationalError, OSError) as error:
        raise Unavailable("MLflow", _line(error)) from error


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
