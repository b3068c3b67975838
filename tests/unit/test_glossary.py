"""The glossary names what there is, each thing once, and words that gave way stay away."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "glossary.md").read_text()
TABLES = [
    re.findall(r"^\| (?!term |---)(.+?) \| (.+?) \| `(.+?)` \|$", section, re.MULTILINE)
    for section in TEXT.split("\n## ")[1:]
]
TERMS = [term for table in TABLES for term, _, _ in table]

GIVEN_UP = {
    "wish": "retrain request",
    "wishes": "retrain requests",
    "anew": "say what is new",
    "mine": "say whose",
    "spoken": "with cells",
    "misfit": "model drift, or the difference of two fits",
    "placing": "tick assembly",
    "judging": "promotion",
    "stretch": "range",
    "stretches": "ranges",
    "oddest": "level score",
    "false_alarms": "alert_threshold",
    "own_level": "entity_calibration",
    "told_ns": "emitted_ns",
    "DATA_DRIFT": "nothing: it was never raised",
    "MODEL_DEGRADED": "nothing: it was never raised",
    "HELD_HYSTERESIS": "nothing: it was never decided",
}
"""Names that gave way to the field's, with what to say instead."""


def names_of_the_core() -> Iterator[tuple[str, str]]:
    """Every name in the code of `models/`, with its file."""
    for file in sorted((ROOT / "models").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            for attribute in ("id", "arg", "attr", "name"):
                name = getattr(node, attribute, None)
                if isinstance(name, str):
                    yield name, str(file.relative_to(ROOT))


def test_every_table_of_the_glossary_is_read() -> None:
    assert len(TABLES) == 5
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| term", "| ---"))]
    assert len(rows) == len(TERMS)


def test_a_term_is_explained_once() -> None:
    parts = [part.strip() for term in TERMS for part in re.sub(r"\(.*?\)", "", term).split(",")]
    assert [term for term, n in Counter(parts).items() if n > 1] == []


@pytest.mark.parametrize("number", range(5))
def test_terms_are_in_alphabetical_order(number: int) -> None:
    terms = [term.lower() for term, _, _ in TABLES[number]]
    assert terms == sorted(terms)


@pytest.mark.parametrize("path", sorted({path for table in TABLES for _, _, path in table}))
def test_the_module_that_owns_a_term_exists(path: str) -> None:
    assert (ROOT / path).is_file()


def test_the_short_form_in_the_readme_has_no_term_that_the_glossary_lacks() -> None:
    words = (ROOT / "README.md").read_text().split("\n## Words\n")[1].split("\n## ")[0]
    short = [
        part.strip()
        for term in re.findall(r"^\| (?!word|---)(.+?) \|", words, re.MULTILINE)
        for part in term.split(",")
    ]
    known = {part.strip() for term in TERMS for part in term.split(",")}
    assert short
    assert set(short) <= known


def test_words_that_gave_way_are_no_names_in_the_core() -> None:
    found = {name: file for name, file in names_of_the_core() if name in GIVEN_UP}
    assert found == {}


@pytest.mark.parametrize("package", ["models", "infra", "agents"])
def test_words_that_gave_way_are_in_no_docstring(package: str) -> None:
    given_up = re.compile(r"\b(wish(es)?|misfit|odd(est)?|own_level|false_alarms)\b")
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            text = ast.get_docstring(node) if isinstance(node, kinds) else None
            assert not given_up.search(text or ""), f"{file.relative_to(ROOT)}: {text}"
