"""What docs/connect promises: its examples parse, and its configurations are valid of their kind."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from models.names import Topic
from models.reasons import RejectReason
from tests.unit.parse.formats.reading import parse, samples

FOLDER = Path(__file__).parents[3] / "docs" / "connect"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [body for found, body in BLOCK.findall((FOLDER / page).read_text()) if found == language]


def test_every_page_is_listed_and_every_link_leads_somewhere() -> None:
    links = set(re.findall(r"\]\(([\w-]+\.md)\)", (FOLDER / "README.md").read_text()))
    assert links == {page.name for page in PAGES} - {"README.md"}


def test_the_native_example_is_read_as_it_stands() -> None:
    [example] = blocks("your-own-code.md", "json")
    record = json.dumps(json.loads(example) | {"timestamp": None}).encode()
    assert samples(parse(record)) == [('latency_ms{instance="i-1",service="checkout"}', 231.5, 0)]


def test_telegrafs_configuration_is_toml_and_writes_what_is_read() -> None:
    [text] = blocks("telegraf.md", "toml")
    [output] = tomllib.loads(text)["outputs"]["kafka"]
    assert output["topic"] == Topic.METRICS.value
    assert output["data_format"] == "json"


def test_the_collectors_configuration_is_yaml_and_writes_what_is_read() -> None:
    [text] = blocks("opentelemetry.md", "yaml")
    configuration = yaml.safe_load(text)
    assert configuration["exporters"]["kafka"]["metrics"] == {"topic": Topic.METRICS.value, "encoding": "otlp_proto"}
    assert configuration["service"]["pipelines"]["metrics"]["exporters"] == ["kafka"]


def test_prometheus_configuration_is_yaml() -> None:
    [text] = blocks("prometheus.md", "yaml")
    assert yaml.safe_load(text)["remote_write"][0]["url"].endswith("/receive")


def test_the_python_example_compiles() -> None:
    [text] = blocks("your-own-code.md", "python")
    ast.parse(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_reasons_and_series_that_a_page_names_exist(page: Path) -> None:
    reasons = {reason.value for reason in RejectReason}
    named = set(re.findall(r"refused as `([a-z-]+)`", page.read_text()))
    assert named <= reasons
