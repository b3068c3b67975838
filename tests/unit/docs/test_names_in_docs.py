"""Names in documents are names of the product: settings, commands, metrics, alerts, targets, reasons."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from infra.cli.main import COMMANDS
from infra.settings import Settings
from models.names import AlertName, Metric, Topic
from models.reasons import AlertDecision, RetrainReason, TrainingOutcome
from tests.unit.docs.documents import DOCUMENTS, ROOT, blocks, name_of, spans

OUTSIDE = {"TIDEWATCH_CHAOS_SECONDS"}
"""What tests read from the environment, not the product."""

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


@cache
def settings() -> set[str]:
    """Of the product, and those that only the Docker files know."""
    compose = (ROOT / ".env.example").read_text() + (ROOT / "docker-compose.yml").read_text()
    return {f"TIDEWATCH_{name.upper()}" for name in Settings.model_fields} | set(re.findall(r"TIDEWATCH_\w+", compose))


@every_document
def test_settings_exist(document: Path) -> None:
    assert set(re.findall(r"\bTIDEWATCH_[A-Z_]+\b", document.read_text())) - settings() - OUTSIDE == set()


def code_lines(text: str) -> list[str]:
    """Lines of blocks, and code in prose, without comments."""
    lines = [line for block in blocks(text) for line in block.splitlines()]
    return [line.split(" #")[0] for line in [*lines, *spans(text)]]


@cache
def loaded(name: str) -> Any:
    """A command as it is when it is called."""
    source = COMMANDS[name]
    found = getattr(importlib.import_module(source.module), source.name)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    return typer.main.get_command(found)


def wrong_in(line: str) -> str:
    """What of a `tidewatch` command line does not exist; empty where all of it does."""
    words = line.split()
    command: Any = None
    for position, word in enumerate(words):
        if command is None:
            if word not in COMMANDS:
                return word
            command = loaded(word)
        elif word.startswith("--"):
            known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            if word.split("=")[0] not in known:
                return f"{' '.join(words[:position])}: {word}"
        elif hasattr(command, "commands"):
            if word not in command.commands:
                return f"{' '.join(words[:position])}: {word}"
            command = command.commands[word]
    return ""


@every_document
def test_commands_and_their_options_exist(document: Path) -> None:
    called = [
        part
        for line in code_lines(document.read_text())
        for part in re.findall(r"(?:^|[\s;/])tidewatch ((?:[a-z]|--help)[^;|&`]*)", line)
    ]
    found = [wrong_in(re.split(r"[,.]?\s*$", part)[0]) for part in called if re.match(r"[a-z]", part)]
    assert {wrong for wrong in found if wrong} == set()


@every_document
def test_metrics_exist(document: Path) -> None:
    known = {member.value for member in Metric}
    used = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for span in [*spans(document.read_text()), *blocks(document.read_text())]
        for name in re.findall(r"\btidewatch_[a-z_]+\b", span)
    }
    assert {name for name in used if name not in known and f"{name}_total" not in known} == set()


@cache
def code() -> str:
    """Everything in which a name may be defined."""
    paths = [
        path
        for folder in ("agents", "infra", "models", "benchmarks", "tests")
        for path in (ROOT / folder).rglob("*.py")
    ]
    paths += [*(ROOT / "prometheus").rglob("*.yml"), ROOT / "alertmanager" / "alertmanager.yml"]
    return "\n".join(path.read_text() for path in paths if path != Path(__file__))


@every_document
def test_alerts_and_classes_exist(document: Path) -> None:
    used = {span for span in spans(document.read_text()) if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", span)}
    alerts = {member.value for member in AlertName}
    unknown = {name for name in used if name not in alerts and not re.search(rf"\b{name}\b", code())}
    assert unknown == set()


@every_document
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        target
        for line in code_lines(document.read_text())
        for target in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", line)
    }
    assert used - targets == set()


@every_document
def test_modules_that_are_run_exist(document: Path) -> None:
    used = {name for line in code_lines(document.read_text()) for name in re.findall(r"python -m ([\w.]+)", line)}
    assert {name for name in used if name != "pytest" and importlib.util.find_spec(name) is None} == set()


@every_document
def test_held_decisions_exist(document: Path) -> None:
    used = set(re.findall(r"`(held-[a-z-]+)`", document.read_text()))
    assert used <= {decision.value for decision in AlertDecision}


def test_the_design_names_every_reason_and_outcome_of_a_training() -> None:
    text = (ROOT / "docs" / "design" / "models.md").read_text()
    named = set(spans(text))
    assert {reason.value for reason in RetrainReason} <= named
    assert {outcome.value for outcome in TrainingOutcome} <= named


def test_the_design_names_every_topic() -> None:
    named = set(spans((ROOT / "docs" / "design" / "storage.md").read_text()))
    assert {topic.value for topic in Topic} <= named


def test_readers_of_documents_see_a_wrong_command() -> None:
    assert wrong_in("slo status --causes") == ""
    assert wrong_in("slo stats") == "slo: stats"
    assert wrong_in("slo status --cause") == "slo status: --cause"
