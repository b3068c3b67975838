"""Documents by kind and name, so that one may refer to another."""

from __future__ import annotations

import pytest

from models.errors import Misconfigured
from models.slo.openslo.catalogue import SPECS, Catalogue, Document, DocumentKind, checked_name, read_document
from models.slo.openslo.yaml_fields import YamlField, documents


def read(text: str, kind: DocumentKind = DocumentKind.SERVICE) -> Document:
    (root,) = documents(text, "f.yaml")
    return read_document(root, kind, root.entries())


def service(name: str) -> Document:
    return read(f"metadata: {{name: {name}}}\nspec: {{description: x}}\n")


def field(text: str) -> YamlField:
    (root,) = documents(f"a: {text}", "f.yaml")
    return root.entries()["a"]


def test_a_document_has_its_name_place_and_fields() -> None:
    document = service("shop")
    assert (document.kind, document.name, document.place, list(document.spec)) == (
        DocumentKind.SERVICE,
        "shop",
        "f.yaml:1",
        ["description"],
    )


def test_a_kind_without_required_fields_needs_no_spec() -> None:
    assert read("metadata: {name: shop}\n").spec == {}


@pytest.mark.parametrize("kind", [kind for kind in DocumentKind if SPECS[kind][0]])
def test_any_other_kind_does(kind: DocumentKind) -> None:
    with pytest.raises(Misconfigured, match="`spec` is missing"):
        read("metadata: {name: x}\n", kind)
    with pytest.raises(Misconfigured, match=f"`{SPECS[kind][0][0]}` is missing"):
        read("metadata: {name: x}\nspec: {}\n", kind)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        pytest.param("a", True, id="one letter"),
        pytest.param("Shop_1.eu-west", True, id="what OpenSLO allows"),
        pytest.param("a" * 63, True, id="63 letters"),
        pytest.param("a" * 64, False, id="64 letters"),
        pytest.param("-a", False, id="a dash at the beginning"),
        pytest.param("a.", False, id="a point at the end"),
        pytest.param("a b", False, id="a space"),
    ],
)
def test_names_are_those_that_openslo_allows(name: str, allowed: bool) -> None:
    if allowed:
        assert checked_name(field(f"'{name}'")) == name
    else:
        with pytest.raises(Misconfigured, match="must be 1 to 63 letters, digits"):
            checked_name(field(f"'{name}'"))


def test_a_document_is_found_by_kind_and_name() -> None:
    catalogue = Catalogue()
    for name in ("shop", "pay"):
        catalogue.add(service(name))
    assert catalogue.find(DocumentKind.SERVICE, field("pay")).name == "pay"
    assert [document.name for document in catalogue.of_kind(DocumentKind.SERVICE)] == ["shop", "pay"]
    assert catalogue.of_kind(DocumentKind.SLO) == []


@pytest.mark.parametrize(
    ("kind", "name", "problem"),
    [
        pytest.param(
            DocumentKind.SERVICE,
            "shpo",
            "no Service named 'shpo' in the files given; did you mean 'shop'?",
            id="misspelt",
        ),
        pytest.param(DocumentKind.SERVICE, "other", "no Service named 'other' in the files given", id="unknown"),
        pytest.param(DocumentKind.SLI, "shop", "no SLI named 'shop' in the files given", id="of another kind"),
    ],
)
def test_a_reference_to_nothing_is_said_with_its_place(kind: DocumentKind, name: str, problem: str) -> None:
    catalogue = Catalogue()
    catalogue.add(service("shop"))
    with pytest.raises(Misconfigured) as caught:
        catalogue.find(kind, field(name))
    assert str(caught.value) == f"f.yaml:1: document 1: a: {problem}"


def test_a_name_may_be_there_once_a_kind() -> None:
    catalogue = Catalogue()
    catalogue.add(service("shop"))
    with pytest.raises(Misconfigured, match=r"Service 'shop' is defined already at f\.yaml:1"):
        catalogue.add(service("shop"))


def test_a_remark_is_made_once_however_often_a_field_is_read() -> None:
    catalogue = Catalogue()
    for _ in range(2):
        catalogue.remark(field("1"), "has no effect")
    assert catalogue.remarks == ["f.yaml:1: document 1: a: has no effect"]
