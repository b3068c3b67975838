"""Listing versions and finding where a rollback leads, over a registry in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from infra.mlflow.backend import ModelVersion
from infra.mlflow.registry import TAG_REASON, TAG_REPLACED, TAG_SHA256, Registry
from infra.mlflow.versions import rollback_json, rollback_to, version_json, versions
from models.errors import Misconfigured
from models.names import CHAMPION_ALIAS, registered_model

SHOP = registered_model("shop")


@dataclass
class Backend:
    """As much of MLflow as reading needs."""

    stored: dict[str, list[ModelVersion]] = field(default_factory=dict)
    champions: dict[str, str] = field(default_factory=dict)

    def models(self) -> list[str]:
        return list(self.stored)

    def aliases(self, name: str) -> dict[str, str]:
        return {CHAMPION_ALIAS: self.champions[name]} if name in self.champions else {}

    def versions(self, name: str) -> list[ModelVersion]:
        return self.stored.get(name, [])

    def version(self, name: str, number: str) -> ModelVersion | None:
        return next((version for version in self.versions(name) if version.number == number), None)

    def metrics(self, run_id: str) -> dict[str, float]:
        return {"challenger_separation": 3.0}


def version(number: str, **tags: str) -> ModelVersion:
    return ModelVersion(number, f"file:///{number}.npz", "run", 1_700_000_000_000, {TAG_SHA256: "00", **tags})


@pytest.fixture
def registry() -> Registry:
    newest = version("2", **{TAG_REPLACED: "1", TAG_REASON: "drift"})
    return Registry(Backend({SHOP: [newest, version("1")]}, {SHOP: "2"}))


def test_versions_are_listed_newest_first_and_are_json(registry: Registry) -> None:
    told = [json.loads(json.dumps(version_json(one))) for one in versions(registry)]
    assert [(row["service"], row["version"], row["aliases"], row["reason"]) for row in told] == [
        ("shop", "2", ["champion"], "drift"),
        ("shop", "1", [], None),
    ]
    assert told[0]["registered_at"] == "2023-11-14T22:13:20Z"
    assert versions(registry, "shop") == versions(registry)


def test_a_service_without_a_model_is_misuse(registry: Registry) -> None:
    with pytest.raises(Misconfigured, match="no model is registered for 'shed'; there are shop"):
        versions(registry, "shed")


def test_a_rollback_leads_to_what_the_champion_replaced(registry: Registry) -> None:
    wanted = rollback_to(registry, "shop")
    assert rollback_json(wanted) == {"service": "shop", "from": "2", "to": "1"}
    assert rollback_to(registry, "shop", "1") == wanted


@pytest.mark.parametrize(
    ("service", "number", "problem"),
    [
        ("shed", None, "shed has no champion"),
        ("shop", "2", "is the champion already"),
        ("shop", "9", "has no model version 9"),
    ],
)
def test_a_rollback_that_leads_nowhere_is_misuse(
    registry: Registry, service: str, number: str | None, problem: str
) -> None:
    with pytest.raises(Misconfigured, match=problem):
        rollback_to(registry, service, number)
