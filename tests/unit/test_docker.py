"""The Docker stack's files hold together; Docker itself is asked where its command is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.worker.roles import ROLES
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE_HAS_HEALTHCHECK = {"stream", "control", "trainer"}

every_service = pytest.mark.parametrize("name", SERVICES)


def compose_is_missing() -> bool:
    if shutil.which("docker") is None:
        return True
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
    return asked.returncode != 0


@pytest.mark.skipif(compose_is_missing(), reason="docker compose is missing: install Docker's compose plugin")
@pytest.mark.parametrize("env_file", ["/dev/null", ".env.example"])
def test_docker_compose_accepts_the_file(env_file: str) -> None:
    done = subprocess.run(
        ["docker", "compose", "--env-file", env_file, "--profile", "*", "config", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@every_service
def test_image_is_pinned_to_a_version(name: str) -> None:
    assert re.search(r":v?\d+\.\d+(\.\d+)?", SERVICES[name]["image"])


@every_service
def test_service_has_limits_and_fewest_rights(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"]
    assert service.get("read_only") or name == "kafka", "the broker's image writes its configuration into itself"


@every_service
def test_health_is_checked_or_said_not_to_be(name: str) -> None:
    assert "healthcheck" in SERVICES[name] or name in IMAGE_HAS_HEALTHCHECK
    if name in IMAGE_HAS_HEALTHCHECK:
        assert SERVICES[name]["image"] == COMPOSE["x-tidewatch"]["image"]


@every_service
def test_dependencies_are_waited_for_until_healthy(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how == {"condition": "service_healthy"}
        assert SERVICES[other].get("healthcheck", {}).get("disable") is None


@every_service
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@every_service
def test_what_is_mounted_exists(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert volume.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"], source


@every_service
def test_settings_and_roles_exist(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    known = {f"TIDEWATCH_{field.upper()}" for field in Settings.model_fields}
    assert {key for key in environment if key.startswith("TIDEWATCH_")} <= known
    command = SERVICES[name].get("command", [])
    if "--agents" in command:
        assert set(command[command.index("--agents") + 1].split(",")) <= set(ROLES)


def test_every_role_runs_somewhere() -> None:
    commands = [service.get("command", []) for service in SERVICES.values()]
    running = {role for c in commands if "--agents" in c for role in c[c.index("--agents") + 1].split(",")}
    assert running == set(ROLES)


def test_env_example_names_exactly_the_variables_that_are_used() -> None:
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == offered


def test_prometheus_looks_for_services_that_exist() -> None:
    text = (ROOT / "prometheus" / "prometheus.docker.yml").read_text()
    names = {name.strip() for group in re.findall(r"names: \[([^\]]+)\]", text) for name in group.split(",")}
    assert names == {"alertmanager", *IMAGE_HAS_HEALTHCHECK}
    assert names <= set(SERVICES)


def test_kafka_is_the_version_of_the_embedded_stack() -> None:
    pom = (ROOT / "infra" / "local" / "kafka-pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)</version>", pom)
    assert version is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_image_runs_as_nobody_special_and_copies_no_secret() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert any(re.fullmatch(r"USER \d{4,}:\d{4,}", line) for line in last_stage)
    assert not [line for line in lines if re.search(r"(?i)password|secret|token", line)]
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "the build sees nothing but what is let in"


def test_every_path_the_image_copies_is_let_into_the_build() -> None:
    copied = {
        path
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for path in line.split()[1:-1]
    }
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == let_in
