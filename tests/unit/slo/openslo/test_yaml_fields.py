"""Fields that know where they stand: every complaint names file, line, document and field."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.errors import Misconfigured
from models.slo.openslo.yaml_fields import YamlField, documents


def field(text: str) -> YamlField:
    """The field `a` of a document."""
    (document,) = documents(text, "f.yaml")
    return document.entries()["a"]


def complaint(ask: Callable[[], object]) -> str:
    with pytest.raises(Misconfigured) as caught:
        ask()
    return str(caught.value)


GOOD: list[object] = [
    pytest.param("a: 5", lambda f: f.number(), 5.0, id="a number"),
    pytest.param("a: 1e-3", lambda f: f.number(), 0.001, id="a number with an exponent"),
    pytest.param("a: 500", lambda f: f.text(), "500", id="a number where a text is meant"),
    pytest.param("a: 2026-01-01", lambda f: f.text(), "2026-01-01", id="a date where a text is meant"),
    pytest.param('a: "\\ud83d\\ude00"', lambda f: f.text(), "\U0001f600", id="two halves of a character"),
    pytest.param("a: yes", lambda f: f.boolean(), True, id="YAML's own words for true"),
    pytest.param("a: off", lambda f: f.boolean(), False, id="and for false"),
    pytest.param("a: lt", lambda f: f.choice({"lt": 1}), 1, id="a word of a closed set"),
    pytest.param("a: [1, 2]", lambda f: [i.number() for i in f.items()], [1.0, 2.0], id="a list"),
    pytest.param("a: {b: 1, c: null}", lambda f: list(f.mapping(("b",), ("c",))), ["b"], id="an empty value is none"),
]
BAD: list[object] = [
    pytest.param("a: five", lambda f: f.number(), "a: must be a number", id="a word for a number"),
    pytest.param("a: '5'", lambda f: f.number(), "a: must be a number", id="a quoted number"),
    pytest.param("a: .inf", lambda f: f.number(), "a: must be a number", id="YAML's infinity"),
    pytest.param("a: inf", lambda f: f.number(), "a: must be a finite number", id="an infinite number"),
    pytest.param("a: {}", lambda f: f.text(), "a: must be text", id="an object for a text"),
    pytest.param("a: ' '", lambda f: f.text(), "a: must not be empty", id="an empty text"),
    pytest.param('a: "x\\0"', lambda f: f.text(), "a: must not contain the character NUL", id="NUL"),
    pytest.param("a: 'yes'", lambda f: f.boolean(), "a: must be true or false", id="a quoted boolean"),
    pytest.param("a: x", lambda f: f.choice({"lt": 1, "gt": 2}), "a: 'x' is not one of lt, gt", id="another word"),
    pytest.param("a: 1", lambda f: f.items(), "a: must be a list", id="no list"),
    pytest.param("a: 1", lambda f: f.entries(), "a: must be a mapping", id="no mapping"),
    pytest.param("a: {}", lambda f: f.mapping(("b",)), "a: `b` is missing", id="a missing field"),
    pytest.param(
        "a: {targt: 1}",
        lambda f: f.mapping(("target",)),
        "a.targt: unknown field; did you mean `target`?",
        id="a misspelt field",
    ),
    pytest.param(
        "a: {zz: 1}", lambda f: f.mapping(("b",), ("c",)), "a.zz: unknown field; known are b, c", id="a foreign field"
    ),
    pytest.param("a: {b: 1, b: 2}", lambda f: f.entries(), "a.b: given twice", id="a field given twice"),
]


@pytest.mark.parametrize(("text", "read", "expected"), GOOD)
def test_what_a_field_is_read_as(text: str, read: Callable[[YamlField], object], expected: object) -> None:
    assert read(field(text)) == expected


@pytest.mark.parametrize(("text", "read", "problem"), BAD)
def test_what_a_field_is_not_is_said_with_its_place(
    text: str, read: Callable[[YamlField], object], problem: str
) -> None:
    assert complaint(lambda: read(field(text))) == f"f.yaml:1: document 1: {problem}"


def test_a_path_names_lists_and_fields_on_the_line_where_they_stand() -> None:
    (document,) = documents("spec:\n  objectives:\n    - {target: 1}\n    - {target: x}\n", "f.yaml")
    second = document.entries()["spec"].entries()["objectives"].items()[1]
    assert complaint(second.entries()["target"].number) == (
        "f.yaml:4: document 1: spec.objectives[1].target: must be a number"
    )


def test_documents_are_numbered_and_empty_ones_left_out() -> None:
    found = list(documents("a: 1\n---\n---\na: 2\n", "f.yaml"))
    assert [(each.document, each.place) for each in found] == [(1, "f.yaml:1"), (3, "f.yaml:4")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: [1", "f.yaml:1: not YAML: ", id="a list that does not end"),
        pytest.param("a: 1\nb: x: y\n", "f.yaml:2: not YAML: ", id="a colon too many"),
        pytest.param("a: \x00", "f.yaml: not YAML: ", id="a character that YAML does not allow"),
    ],
)
def test_what_is_not_yaml_is_said_with_its_line(text: str, expected: str) -> None:
    assert complaint(lambda: list(documents(text, "f.yaml"))).startswith(expected)
