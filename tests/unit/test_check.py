"""Every check has a finding, and one that fails says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import check
from infra.settings import load
from models.errors import Unavailable
from tests.unit.http_server import Reply, answering

SETTINGS = ("KAFKA", "DATABASE_URL", "MLFLOW_URL", "ALERTMANAGER_URL", "PROMETHEUS_URL")
AWAY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEWATCH_HOME", str(tmp_path))
    for setting in SETTINGS:
        monkeypatch.setenv(f"TIDEWATCH_{setting}", "")


def test_services_that_are_away_fail_with_advice_and_the_others_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEWATCH_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDEWATCH_PROMETHEUS_URL", AWAY)
    with answering(lambda _: Reply()) as url:
        monkeypatch.setenv("TIDEWATCH_ALERTMANAGER_URL", url)
        found = {finding.what: finding for finding in check.check_all()}
    assert [what for what, finding in found.items() if finding.ok] == ["settings", "Alertmanager", "lake"]
    assert found["Kafka"].detail.startswith("Kafka is unavailable: no answer from 127.0.0.1:1")
    assert "TIDEWATCH_PROMETHEUS_URL" in found["Prometheus"].advice
    assert json.loads(json.dumps([check.finding_json(finding) for finding in found.values()]))[0]["what"] == "settings"


def test_a_service_that_answers_but_not_well_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(lambda _: Reply(404)) as url:
        monkeypatch.setenv("TIDEWATCH_PROMETHEUS_URL", url)
        with pytest.raises(Unavailable, match="no good answer at /-/ready"):
            check.prometheus(load())
