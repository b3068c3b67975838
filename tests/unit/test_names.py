"""Names that people and programs outside depend on are those of models/names.py, everywhere and both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.names import AlertLabel, AlertName, Metric, RecordedSeries, Severity, Topic

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))
CONFIGURATION = sorted(
    path
    for folder, pattern in (
        ("prometheus", "**/*.yml"),
        ("alertmanager", "**/*.*ml"),
        ("alertmanager", "**/*.tmpl"),
        ("infra/grafana", "**/*.json"),
    )
    for path in (ROOT / folder).glob(pattern)
)
CODE = sorted(path for package in ("agents", "infra", "models") for path in (ROOT / package).rglob("*.py"))

# what Prometheus' client makes of one histogram or summary
SUFFIXES = ("_bucket", "_count", "_sum")

every_file = pytest.mark.parametrize("file", CONFIGURATION, ids=lambda path: str(path.relative_to(ROOT)))


def values(names: type[StrEnum]) -> set[str]:
    return {member.value for member in names}


def without_suffix(series: str) -> str:
    return next((series.removesuffix(suffix) for suffix in SUFFIXES if series.endswith(suffix)), series)


def members_used(enumeration: str, files: Iterable[Path]) -> set[str]:
    return {name for path in files for name in re.findall(rf"\b{enumeration}\.([A-Z_]+)\b", path.read_text())}


@cache
def rules() -> list[dict[str, Any]]:
    return [rule for file in RULES for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


@every_file
def test_series_are_ones_that_tidewatch_exports(file: Path) -> None:
    used = {without_suffix(series) for series in re.findall(r"\btidewatch_\w+", file.read_text())}
    assert used <= values(Metric)


@every_file
def test_recorded_series_are_ones_that_rules_record(file: Path) -> None:
    used = set(re.findall(r"\b(?:slo|tidewatch):\w+:\w+", file.read_text()))
    assert used <= values(RecordedSeries)


def test_rules_record_exactly_the_series_of_names_py() -> None:
    assert {rule["record"] for rule in rules() if "record" in rule} == values(RecordedSeries)


@every_file
def test_alert_names_exist(file: Path) -> None:
    text = file.read_text()
    used = set(re.findall(r'alertname=~?\\?"([\w|]+)', text))
    used |= set(re.findall(r"^\s*- alert: (\w+)", text, re.MULTILINE))
    assert {name for names in used for name in names.split("|")} <= values(AlertName)


@every_file
def test_severities_exist(file: Path) -> None:
    used = set(re.findall(r'severity(?:=~?\\?"|: )([\w|]+)', file.read_text()))
    assert {name for names in used for name in names.split("|")} <= values(Severity)


def test_every_alert_rule_has_a_severity_and_says_what_to_do() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in values(Severity)
            assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
            assert rule["annotations"]["runbook_url"].endswith(f"/docs/runbook.md#{rule['alert'].lower()}")


def test_every_alert_that_is_raised_has_a_section_in_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
    by_code = {AlertName[name].value for name in members_used("AlertName", CODE)}
    by_rules = {rule["alert"] for rule in rules() if "alert" in rule}
    assert set(sections) == by_code | by_rules


def test_alertmanager_groups_and_inhibits_by_labels_that_alerts_carry() -> None:
    configuration = yaml.safe_load((ROOT / "alertmanager" / "alertmanager.yml").read_text())
    routes = [configuration["route"], *configuration["route"].get("routes", [])]
    used = {label for route in routes for label in route.get("group_by", [])}
    used |= {label for rule in configuration["inhibit_rules"] for label in rule.get("equal", [])}
    assert used <= values(AlertLabel)


def test_every_metric_is_exported_by_the_workers() -> None:
    """The demo reads metrics too; only agents and what they are built from export them."""
    exporting = [path for path in CODE if path.is_relative_to(ROOT / "agents")]
    assert set(Metric.__members__) - members_used("Metric", exporting) == set()


def test_every_topic_is_used() -> None:
    assert set(Topic.__members__) - members_used("Topic", CODE) == set()


def test_no_series_is_named_outside_names_py() -> None:
    """A name written out in code would escape every check here."""
    for path in CODE:
        if path.name != "names.py":
            found = set(re.findall(r'"(tidewatch_\w+)"', path.read_text()))
            assert not {name for name in found if without_suffix(name) in values(Metric)}, path
