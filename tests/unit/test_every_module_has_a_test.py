"""Every module is imported by a test of its own, in the room of the same noun.

The test of `models/slo/burn.py` lies in `tests/<kind>/slo/`, or in a folder above: a suite over several rooms. A test
of the module's own name may reach it through the room's front door. Shells may be tested from any folder. What no test
imports is listed here, with the reason and what runs it all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KINDS = ("unit", "contract", "property", "accuracy", "integration", "acceptance")

NO_RULES_OF_THEIR_OWN = {
    "__init__.py": "opens a package",
    "__main__.py": "hands the command line on",
    "infra/cli/": "parses options and prints: tests call the command, as people do",
    "infra/store/schema/migrations/": "Alembic runs them: tests/integration/store/test_migration.py",
}
"""Files by the end of their path, folders by its beginning."""

RUN_BY = {
    "agents/watch/agent.py": "tests/integration/watch/dying_workers.py",
    "agents/worker/serving_models.py": "tests/integration/watch/dying_workers.py",
    "agents/trainer/agent.py": "tests/integration/training/test_training.py",
    "agents/watch/partition_loader.py": "tests/integration/watch/test_kill_points.py",
    "agents/ingest/lake_feed.py": "tests/integration/kafka/test_ingest.py",
    "agents/worker/run.py": "tests/integration/worker_process.py",
    "agents/worker/solo.py": "tests/integration/alerting/test_notify_worker.py",
    "infra/datafile/table.py": "tests/unit/datafile/test_read.py",
    "infra/demo/observe.py": "tests/acceptance/test_demo.py",
    "infra/demo/once.py": "tests/acceptance/test_demo.py",
    "infra/demo/pressure.py": "tests/acceptance/test_demo.py",
    "infra/demo/scores_tail.py": "tests/acceptance/test_demo.py",
    "infra/demo/view.py": "tests/acceptance/test_demo.py",
    "infra/local/fetch.py": "Makefile",
    "infra/local/processes/process.py": "tests/integration/local/test_stack.py",
    "infra/local/services/kafka.py": "tests/conftest.py",
    "infra/local/services/keeper.py": "tests/integration/local/test_stack.py",
    "infra/local/services/mlflow_server.py": "tests/integration/mlflow/test_registry.py",
    "infra/local/services/service.py": "tests/integration/local/test_stack.py",
    "infra/local/services/worker.py": "tests/acceptance/test_demo.py",
    "infra/local/supervisor.py": "tests/integration/local/test_stack.py",
    "infra/mlflow/backend.py": "tests/integration/mlflow/test_registry.py",
    "infra/mlflow/direct.py": "tests/integration/mlflow/test_registry.py",
    "infra/mlflow/rest.py": "tests/integration/mlflow/test_registry.py",
    "infra/slo/simulate/what_if.py": "tests/integration/slo/test_simulate.py",
    "infra/store/parking.py": "tests/integration/watch/dying_workers.py",
    "infra/store/slo/forecasts.py": "tests/integration/slo/test_forecast.py",
    "infra/training/job.py": "tests/integration/training/test_training.py",
}
"""Shells that need their services: what runs them through the module that uses them."""


def modules() -> Iterator[Path]:
    """Modules with rules of their own, from the root."""
    for package in ("models", "infra", "agents"):
        for path in sorted((ROOT / package).rglob("*.py")):
            module = path.relative_to(ROOT)
            if not any(module.name == part or str(module).startswith(part) for part in NO_RULES_OF_THEIR_OWN):
                yield module


@cache
def imported() -> dict[str, set[Path]]:
    """Test files, from `tests/`, by the dotted names that they import."""
    found: dict[str, set[Path]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                found.setdefault(name, set()).add(path.relative_to(ROOT / "tests"))
    return found


def own_tests(module: Path) -> set[Path]:
    """Tests that import a module and lie where they may."""
    importing = imported().get(".".join(module.with_suffix("").parts), set())
    if module.parts[0] != "models":
        return importing
    room = module.parent.parts[1:]
    inside = {test for test in importing if test.parts[0] in KINDS and room[: len(test.parts) - 2] == test.parts[1:-1]}
    # `otlp_json` is a part of what `test_otlp.py` tests
    return inside | {test for test in front_door_tests(room) if f"{module.stem}_".startswith(f"{test.stem[5:]}_")}


def front_door_tests(room: tuple[str, ...]) -> set[Path]:
    """Tests of a room, whatever of the core they import."""
    paths = [path for kind in KINDS for path in (ROOT / "tests" / kind / Path(*room)).glob("test_*.py")]
    return {path.relative_to(ROOT / "tests") for path in paths if "from models." in path.read_text()}


@pytest.mark.parametrize("module", list(modules()), ids=str)
def test_a_module_has_a_test_or_a_reason(module: Path) -> None:
    room = Path("tests/unit", *module.parent.parts[1:])
    assert str(module) in RUN_BY or own_tests(module), f"no test imports {module}: write {room}/test_{module.name}"


def test_what_is_listed_exists() -> None:
    missing = [path for pair in RUN_BY.items() for path in pair if not (ROOT / path).exists()]
    assert missing == []


def test_the_core_is_never_excused() -> None:
    assert [module for module in RUN_BY if module.startswith("models/")] == []
