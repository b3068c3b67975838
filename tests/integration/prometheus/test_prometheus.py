"""Prometheus' own tool reads our configuration and runs our rules' tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

PROMETHEUS = Path(__file__).parents[3] / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: install the package `prometheus`"
)


def promtool(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_rules_are_valid() -> None:
    promtool("check", "rules", *map(str, RULES), cwd=PROMETHEUS)


@needs_promtool
@pytest.mark.parametrize("file", sorted((PROMETHEUS / "tests").glob("*.test.yml")), ids=lambda path: path.name)
def test_rules_do_what_their_tests_say(file: Path) -> None:
    promtool("test", "rules", file.name, cwd=file.parent)


@needs_promtool
def test_configuration_is_valid_beside_its_rules_and_target_files(tmp_path: Path) -> None:
    """Laid out as the embedded stack does it: everything relative to the configuration file."""
    shutil.copytree(PROMETHEUS / "rules", tmp_path / "rules")
    shutil.copy(PROMETHEUS / "prometheus.yml", tmp_path)
    (tmp_path / "targets").mkdir()
    for name in ("workers", "alertmanager"):
        (tmp_path / "targets" / f"{name}.json").write_text('[{"targets": ["127.0.0.1:9"]}]')
    promtool("check", "config", "prometheus.yml", cwd=tmp_path)


@needs_promtool
def test_docker_configuration_is_valid() -> None:
    promtool("check", "config", "prometheus.docker.yml", cwd=PROMETHEUS)


def without_discovery(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_discovery(value) for key, value in node.items() if not str(key).endswith("_sd_configs")}
    return [without_discovery(item) for item in node] if isinstance(node, list) else node


def test_the_two_configurations_differ_in_service_discovery_only() -> None:
    embedded, docker = (
        without_discovery(yaml.safe_load((PROMETHEUS / name).read_text()))
        for name in ("prometheus.yml", "prometheus.docker.yml")
    )
    assert embedded == docker


def alert_rules() -> list[dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_every_alert_is_tested() -> None:
    tests = (PROMETHEUS / "tests" / "tidewatch.test.yml").read_text()
    assert [rule["alert"] for rule in alert_rules() if f'alertname="{rule["alert"]}"' not in tests] == []
