"""Alertmanager's configuration: valid, and every alert goes to the right people."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.alerting.webhook import PLACEHOLDER

FOLDER = Path(__file__).parents[3] / "alertmanager"
CONFIGURATION = FOLDER / "alertmanager.yml"
AMTOOL = shutil.which("amtool")

pytestmark = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not installed (Debian: apt-get install prometheus-alertmanager)"
)


def amtool(*arguments: str | Path) -> str:
    assert AMTOOL is not None
    done = subprocess.run([AMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_valid_as_it_is() -> None:
    assert "SUCCESS" in amtool("check-config", CONFIGURATION)


def test_the_receivers_that_the_readme_shows_are_valid(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(), flags=re.DOTALL)
    shown = {receiver["name"]: receiver for receiver in yaml.safe_load(example)["receivers"]}
    settings = yaml.safe_load(CONFIGURATION.read_text())
    settings["receivers"] = [shown.get(receiver["name"], receiver) for receiver in settings["receivers"]]
    assert {"page", "ticket"} == set(shown)
    shutil.copytree(FOLDER / "templates", tmp_path / "templates")
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    assert "SUCCESS" in amtool("check-config", tmp_path / "alertmanager.yml")


def test_every_webhook_is_below_the_placeholder() -> None:
    receivers = yaml.safe_load(CONFIGURATION.read_text())["receivers"]
    assert {receiver["name"]: receiver["webhook_configs"][0]["url"] for receiver in receivers} == {
        name: f"{PLACEHOLDER}/{name}" for name in ("page", "ticket", "info", "watchdog")
    }


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param("alertname=SLOBurnRate service=checkout slo=s severity=page", "page", id="a fast burn pages"),
        pytest.param("alertname=SLOBurnRate service=checkout slo=s severity=ticket", "ticket", id="a slow burn waits"),
        pytest.param("alertname=MetricAnomaly service=checkout severity=ticket", "ticket", id="an anomaly waits"),
        pytest.param("alertname=DataDrift service=checkout severity=info", "info", id="drift is for information"),
        pytest.param("alertname=PipelineStalled service=tidewatch severity=page", "page", id="a dead pipeline pages"),
        pytest.param("alertname=Watchdog service=tidewatch severity=info", "watchdog", id="the watchdog goes outside"),
        pytest.param("alertname=New service=checkout", "ticket", id="an alert of unknown severity is not lost"),
    ],
)
def test_alerts_reach_the_right_receiver(labels: str, receiver: str) -> None:
    told = amtool("config", "routes", "test", "--config.file", CONFIGURATION, *labels.split())
    assert told.split() == [receiver]


def test_one_incident_per_service() -> None:
    route = yaml.safe_load(CONFIGURATION.read_text())["route"]
    assert route["group_by"] == ["service"]
    assert not any("group_by" in child for child in route["routes"])


def test_a_page_says_what_burns_since_when_and_why(tmp_path: Path) -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "SLOBurnRate", "service": "checkout", "slo": "availability"},
        "annotations": {
            "summary": "checkout burns its budget 14 times too fast",
            "causes": "latency_ms 71 %, error_ratio 29 %",
            "budget_left": "81 %",
            "dashboard_url": "http://grafana/d/x",
        },
        "startsAt": "2026-11-20T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    assert rendered(alert, tmp_path) == (
        "[1 FIRING] checkout: SLOBurnRate availability\n"
        "checkout burns its budget 14 times too fast\n"
        "Causes: latency_ms 71 %, error_ratio 29 %\n"
        "Error budget left: 81 %\n"
        "Since: 2026-11-20 10:00:00 UTC\n"
        "Dashboard: http://grafana/d/x"
    )


def rendered(alert: dict[str, object], folder: Path) -> str:
    """Title and text of a message about one alert."""
    data = folder / "data.json"
    data.write_text(json.dumps({"status": "firing", "alerts": [alert], "commonLabels": alert["labels"]}))
    text = '{{ template "tidewatch.title" . }}\n{{ template "tidewatch.text" . }}'
    told = amtool(
        "template",
        "render",
        "--template.glob",
        str(FOLDER / "templates" / "*.tmpl"),
        "--template.data",
        data,
        "--template.text",
        text,
    )
    return told.strip()


def test_what_a_producer_wrote_calls_nobody_and_links_nowhere_in_slack(tmp_path: Path) -> None:
    hostile = "<!channel> <@U1> <#C1> <https://evil.example|runbook> 3 < 4"
    alert = {
        "status": "firing",
        "labels": {"alertname": "MetricAnomaly", "service": "<!here>"},
        "annotations": {"summary": hostile, "description": hostile, "causes": hostile, "expected": hostile},
        "startsAt": "2026-11-20T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    text = rendered(alert, tmp_path)
    assert not re.search(r"<[!@#h]", text)
    assert text.startswith("[1 FIRING] < !here>: MetricAnomaly")
    assert text.count("< !channel> < @U1> < #C1> < https://evil.example|runbook> 3 < 4") == 4
