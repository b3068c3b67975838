"""MLflow as the one place that says which model is champion.

One registered model a service, aliases `challenger` and `champion`. Everything that matters later is a tag of the
version (`tidewatch.*`), so that a repeat of a request after a crash finds what the first attempt left.

Two ways in, told apart by the address: `http(s)://` is a tracking server (`infra/mlflow/rest.py`), whose artifacts
workers anywhere fetch; `postgresql://` is the backend store without a server (`infra/mlflow/direct.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.mlflow.backend import MlflowBackend, ModelVersion
from models.errors import Misconfigured
from models.names import CHALLENGER_ALIAS, CHAMPION_ALIAS, registered_model, service_of_model
from models.timestamps import MILLISECOND_NS

ARTIFACT: Final = "model.npz"

TAG_SHA256: Final = "tidewatch.sha256"
TAG_REQUEST: Final = "tidewatch.request_id"
TAG_REASON: Final = "tidewatch.reason"
TAG_OUTCOME: Final = "tidewatch.outcome"
TAG_PROMOTION: Final = "tidewatch.promotion"
"""A member of `PromotionReason`; versions of earlier releases have none."""
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

    def __init__(self, backend: MlflowBackend) -> None:
        self._backend = backend

    @classmethod
    def at(cls, address: str, artifacts: Path) -> Registry:
        """The registry at an address; raises `Misconfigured` for one that is neither of the two ways in.

        Args:
            address: `http(s)://` tracking server or `postgresql://` backend store.
            artifacts: folder for model files where there is no server.
        """
        if address.startswith(("http://", "https://")):
            from infra.mlflow.rest import HttpBackend

            return cls(HttpBackend(address))
        if address.startswith("postgresql://"):
            from infra.mlflow.direct import DirectBackend  # imports MLflow: 8 s, 200 MB

            return cls(DirectBackend(address, artifacts))
        scheme = address.partition(":")[0]
        raise Misconfigured(f"TIDEWATCH_MLFLOW_URL begins with {scheme}:, not with http(s):// or postgresql://")

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
        run = self._backend.create_run(f"{service}: {tags.get(TAG_REASON, '')}", {"service": service, **tags})
        texts = {key: str(value) for key, value in params.items()}
        self._backend.finish_run(run, texts, metrics, ARTIFACT, body)
        self._backend.create_model(name)
        version = self._backend.create_version(name, run, f"{run.artifact_uri}/{ARTIFACT}", tags)
        self._backend.set_alias(name, CHALLENGER_ALIAS, version.number)
        return self._described(service, version, {CHALLENGER_ALIAS: version.number}, metrics)

    def champion(self, service: str) -> RegisteredVersion | None:
        """The version that has the champion alias; None where the service has none."""
        number = self._backend.aliases(registered_model(service)).get(CHAMPION_ALIAS)
        return None if number is None else self.version(service, number)

    def version(self, service: str, number: str) -> RegisteredVersion:
        """One version by its number; raises `Misconfigured` where there is none."""
        name = registered_model(service)
        version = self._backend.version(name, number)
        if version is None:
            raise Misconfigured(f"{service} has no model version {number}: see `tidewatch models list`")
        return self._described(service, version, self._backend.aliases(name))

    def of_request(self, service: str, request_id: str) -> RegisteredVersion | None:
        """The version that an earlier attempt at the same request registered, if it got that far."""
        name = registered_model(service)
        for version in self._backend.versions(name):
            if version.tags.get(TAG_REQUEST) == request_id:
                return self._described(service, version, self._backend.aliases(name))
        return None

    def versions(self, service: str) -> list[RegisteredVersion]:
        """All versions of a service, newest first."""
        name = registered_model(service)
        aliases = self._backend.aliases(name)
        return [self._described(service, version, aliases) for version in self._backend.versions(name)]

    def services(self) -> list[str]:
        """Services that have a registered model, sorted."""
        named = (service_of_model(name) for name in self._backend.models())
        return sorted(service for service in named if service is not None)

    def promote(self, version: RegisteredVersion) -> None:
        """Give `version` the champion alias, taking it from whichever has it; doing it twice changes nothing more."""
        name = registered_model(version.service)
        previous = self._backend.aliases(name).get(CHAMPION_ALIAS)
        if previous is not None and previous != version.version:
            self._backend.tag_version(name, version.version, TAG_REPLACED, previous)
        self._backend.set_alias(name, CHAMPION_ALIAS, version.version)

    def roll_back(self, champion: RegisteredVersion, to: RegisteredVersion, at: str) -> None:
        """Give the champion alias to an earlier version, and note `at` on the one that loses it."""
        name = registered_model(champion.service)
        self._backend.tag_version(name, champion.version, TAG_ROLLED_BACK, at)
        self._backend.set_alias(name, CHAMPION_ALIAS, to.version)

    def before(self, champion: RegisteredVersion) -> RegisteredVersion:
        """The version `champion` replaced, where a rollback leads; raises `Misconfigured` where it replaced none."""
        replaced = champion.tags.get(TAG_REPLACED)
        if replaced is None:
            raise Misconfigured(
                f"version {champion.version} of {champion.service} replaced no other; name one with --to"
            )
        return self.version(champion.service, replaced)

    def _described(
        self,
        service: str,
        version: ModelVersion,
        aliases: Mapping[str, str],
        metrics: Mapping[str, float] | None = None,
    ) -> RegisteredVersion:
        figures = metrics
        if figures is None:
            figures = self._backend.metrics(version.run_id) if version.run_id else {}
        return RegisteredVersion(
            service=service,
            version=version.number,
            artifact=version.source,
            sha256=version.tags.get(TAG_SHA256, ""),
            created_ns=version.created_ms * MILLISECOND_NS,
            tags=version.tags,
            metrics=figures,
            aliases=tuple(sorted(alias for alias, number in aliases.items() if number == version.number)),
        )
