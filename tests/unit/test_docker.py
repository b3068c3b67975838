"""The Docker stack's files hold together; Docker itself is asked where its command is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from agents.kafka.reading import FIRST_FETCH, PARTITIONS
from agents.worker.readiness import Stage
from agents.worker.roles import ROLES
from infra.alerting.inbox import PREFERRED_PORT
from infra.alerting.webhook import PLACEHOLDER
from infra.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = {"stream", "control", "trainer"}
ENDS = {"slos"}
"""Services that do their work and end."""
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES: dict[str, list[str]] = {
    re.split(r"\s+as\s+", stage.splitlines()[0], flags=re.IGNORECASE)[-1]: stage.splitlines()
    for stage in re.split(r"(?m)^FROM ", DOCKERFILE)[1:]
}
"""Lines of the Dockerfile's stages by name, the first line being what the stage begins from."""

every_service = pytest.mark.parametrize("name", SERVICES)


def compose_is_missing() -> bool:
    if shutil.which("docker") is None:
        return True
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
    return asked.returncode != 0


@pytest.mark.skipif(compose_is_missing(), reason="docker compose is missing: install Docker's compose plugin")
@pytest.mark.parametrize("env_file", [".env.example", "/dev/null"])
def test_docker_compose_accepts_the_file_with_passwords_only(env_file: str) -> None:
    done = subprocess.run(
        ["docker", "compose", "--env-file", env_file, "--profile", "*", "config", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if env_file == ".env.example":
        assert done.returncode == 0, done.stderr
    else:
        assert "copy .env.example to .env" in done.stderr


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


def is_ours(name: str) -> bool:
    return str(SERVICES[name]["image"]).startswith("tidewatch")


@every_service
def test_health_is_checked(name: str) -> None:
    assert is_ours(name) or "healthcheck" in SERVICES[name]
    assert "disable" not in SERVICES[name].get("healthcheck", {}), "`up --wait` refuses such a service"


def test_the_image_checks_whether_its_process_reads_wherever_that_listens() -> None:
    worker = "\n".join(STAGES["worker"])
    path = re.search(r"TIDEWATCH_HEALTH_FILE=(\S+)", worker)
    assert path is not None
    assert path[1].startswith("/tmp/"), "the root is read-only"
    assert re.search(r'HEALTHCHECK .*CMD python -m infra\.health "\$TIDEWATCH_HEALTH_FILE"', worker)


@every_service
def test_dependencies_are_waited_for_until_healthy_or_done(name: str) -> None:
    for other, how in dict(SERVICES[name].get("depends_on", {})).items():
        if other in ENDS:
            assert how == {"condition": "service_completed_successfully", "required": False}
        elif other == "receiver":  # people replace it, and alerts wait for it by themselves
            assert how == {"condition": "service_started", "required": False}
        else:
            assert how == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_a_service_that_ends_is_awaited_by_another(name: str) -> None:
    """Otherwise `docker compose up --wait` takes its end for a failure."""
    assert any(name in dict(service.get("depends_on", {})) for service in SERVICES.values())


@every_service
def test_what_compiles_keeps_its_loops(name: str) -> None:
    folder = re.search(r"NUMBA_CACHE_DIR=(/var/\S+)", "\n".join(STAGES["worker"]))
    assert folder is not None
    if is_ours(name) and name not in ENDS | {"mlflow"}:
        assert f"loops:{folder[1]}" in SERVICES[name]["volumes"]


def test_a_host_is_watched_with_its_own_name_network_and_processes() -> None:
    host = SERVICES["host-metrics"]
    assert (host["network_mode"], host["pid"]) == ("host", "host")
    assert host["environment"]["TIDEWATCH_KAFKA"].startswith("localhost:"), "no container's name is known out there"


def test_alerts_are_delivered_to_a_service_that_exists() -> None:
    receivers = yaml.safe_load((ROOT / "alertmanager" / "alertmanager.yml").read_text())["receivers"]
    urls = [urlsplit(webhook["url"]) for receiver in receivers for webhook in receiver["webhook_configs"]]
    assert {url.hostname for url in urls} <= set(SERVICES)
    assert {url.port for url in urls} == {PREFERRED_PORT}
    assert {f"{url.scheme}://{url.netloc}" for url in urls} == {PLACEHOLDER}


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
    assert names == {"alertmanager", *WORKERS}
    assert names <= set(SERVICES)


def test_kafka_is_the_version_of_the_embedded_stack() -> None:
    pom = (ROOT / "infra" / "local" / "kafka-pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([\d.]+)</version>", pom)
    assert version is not None
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version[1]}"


@every_service
def test_a_password_that_is_missing_is_said_before_anything_starts(name: str) -> None:
    texts = re.findall(r"\$\{\w*PASSWORD[^}]*\}", str(SERVICES[name]))
    assert all(":?copy .env.example to .env" in text for text in texts)


def test_image_runs_as_nobody_special_and_copies_no_secret() -> None:
    assert any(re.fullmatch(r"USER \d{4,}:\d{4,}", line) for line in STAGES["worker"])
    assert STAGES["tidewatch"][0] == "worker AS tidewatch", "the other only adds to it"
    assert not re.search(r"(?i)password|secret|token", DOCKERFILE)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "the build sees nothing but what is let in"


def copied(stage: str) -> set[str]:
    """Paths of the checkout that a stage of the image copies."""
    return {
        path
        for line in STAGES[stage]
        if line.startswith("COPY ") and "--from" not in line
        for path in line.split()[1:-1]
    }


def test_every_path_the_image_copies_is_there_and_let_into_the_build() -> None:
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    every = set().union(*map(copied, STAGES))
    assert {path.split("/")[0] for path in every} == let_in
    assert all((ROOT / path).exists() for path in every)


def test_the_image_copies_everything_that_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], *project["project"]["license-files"]}
    needed |= {project["project"]["readme"], "pyproject.toml"}
    assert any("uv build" in line for line in STAGES["wheel"])
    assert needed <= copied("wheel") | copied(STAGES["wheel"][0].split()[0])


LACKS = {
    line.replace("scikit-learn", "sklearn")
    for line in (ROOT / "infra" / "docker" / "trainer-packages.txt").read_text().splitlines()
    if not line.startswith("#")
}

IMPORT_ALL = """
import importlib, pkgutil, sys
for module in sys.argv[1].split(","):
    sys.modules[module] = None
import infra.cli.main
from agents.kafka.reading import FIRST_FETCH, PARTITIONS
from agents.worker.readiness import Stage
from agents.worker.roles import ROLES
roles = [module for name, modules in ROLES.items() if name != "trainer" for module in modules]
commands = [source.module for source in infra.cli.main.COMMANDS.values()]
for module in [*roles, *commands]:
    importlib.import_module(module)
import models.pipeline.warm_up, models.training.warm_up
models.pipeline.warm_up.warm_up()
models.training.warm_up.warm_up_training()
"""


def test_a_worker_needs_nothing_that_the_smaller_image_lacks() -> None:
    assert {"mlflow", "sklearn", "pandas", "river"} == LACKS
    lacks = ",".join(sorted(LACKS | {"scipy", "matplotlib", "flask", "fastapi"}))  # and what comes with them
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, lacks],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_page_about_containers_names_what_exists() -> None:
    text = (ROOT / "docs" / "containers.md").read_text()
    awaited = {stage.value for stage in Stage if stage not in (Stage.RUNNING, Stage.END)} | {PARTITIONS, FIRST_FETCH}
    assert {name for name in awaited if f"`{name}`" not in text} == set()
    assert all(f"`{path}`" in text for path in ("/ready", "/live", "/metrics"))
    assert set(re.findall(r"tidewatch-[a-z]+-\d", text)) <= {f"tidewatch-{name}-1" for name in SERVICES}
    assert {"make image", "make image-test"} <= set(re.findall(r"make image[-a-z]*", text))
