"""The registry over both ways into a real MLflow: one suite for the server and for the backend store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.services.mlflow import Mlflow
from infra.local.services.postgres import Postgres
from infra.mlflow.model_cache import ModelFiles
from infra.mlflow.registry import TAG_REASON, TAG_REQUEST, TAG_ROLLED_BACK, TAG_SHA256, RegisteredVersion, Registry
from models.errors import Misconfigured, Unavailable

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),  # MLflow's own queries
]

SERVICE = "shop/eu: it's 100 %"
BODY = b"the bytes of a model"
SHA256 = "63e1df0ed5cd1e0b0cd0aeb1cfd3f8b05b0e1ba9dd4b2c3bd7d1b4a4c7c2b8a0"


@pytest.fixture(scope="module", params=["server", "backend store"])
def address(request: pytest.FixtureRequest, postgres: Postgres, services_home: Path) -> Iterator[str]:
    name = f"mlflow_registry_{request.param.replace(' ', '_')}"
    postgres.create_database(name)
    if request.param == "backend store":
        yield postgres.url(name)
        return
    server = Mlflow(services_home / name, postgres.url(name), wanted_port=0).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def registry(address: str, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return Registry.at(address, tmp_path_factory.mktemp("artifacts"))


def register(registry: Registry, service: str, request_id: str, body: bytes = BODY) -> RegisteredVersion:
    return registry.register(
        service,
        body,
        params={"features": 3},
        metrics={"separation": 0.9},
        tags={TAG_SHA256: SHA256, TAG_REQUEST: request_id, TAG_REASON: "drift"},
    )


def test_a_version_is_challenger_then_champion_then_rolled_back(registry: Registry) -> None:
    assert registry.champion(SERVICE) is None
    first = register(registry, SERVICE, "request 1")
    assert (first.service, first.version, first.sha256, first.aliases) == (SERVICE, "1", SHA256, ("challenger",))
    registry.promote(first)
    second = register(registry, SERVICE, "request 2")
    registry.promote(second)
    registry.promote(second)
    champion = registry.champion(SERVICE)
    assert champion is not None
    assert (champion.version, champion.aliases, champion.metrics) == (
        "2",
        ("challenger", "champion"),
        {"separation": 0.9},
    )
    before = registry.before(champion)
    assert before.version == "1"
    registry.roll_back(champion, before, "2026-11-21T10:00:00Z")
    newest, oldest = registry.versions(SERVICE)
    assert (newest.version, newest.aliases, newest.tags[TAG_ROLLED_BACK]) == (
        "2",
        ("challenger",),
        "2026-11-21T10:00:00Z",
    )
    assert oldest.aliases == ("champion",)
    with pytest.raises(Misconfigured, match="replaced no other"):
        registry.before(oldest)
    assert SERVICE in registry.services()


def test_the_version_of_a_request_is_found_again(registry: Registry) -> None:
    made = register(registry, "requests", "it's 'quoted'")
    found = registry.of_request("requests", "it's 'quoted'")
    assert found is not None
    assert found.version == made.version
    assert registry.of_request("requests", "another") is None
    assert registry.of_request("a service without models", "any") is None


def test_the_artifact_can_be_fetched_without_mlflow(registry: Registry, address: str, tmp_path: Path) -> None:
    import hashlib

    body = b"\x00\x01 binary \xff" * 1000
    version = register(registry, "artifacts", "r", body)
    assert ModelFiles(tmp_path, address).fetch(version.artifact, hashlib.sha256(body).hexdigest()) == body


@pytest.mark.parametrize("number", ["99", "newest"])
def test_a_version_that_is_not_there_is_the_callers_mistake(registry: Registry, number: str) -> None:
    register(registry, "numbers", "r")
    with pytest.raises(Misconfigured, match=f"numbers has no model version {number}"):
        registry.version("numbers", number)


def test_an_mlflow_that_is_down_is_unavailable(address: str, tmp_path: Path) -> None:
    down = "http://127.0.0.1:1" if address.startswith("http") else "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(Unavailable, match="MLflow is unavailable"):
        Registry.at(down, tmp_path).champion("any")


def test_an_address_of_another_kind_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="begins with sqlite:"):
        Registry.at("sqlite:///mlflow.db", tmp_path)
