"""What documents point to exists: files, headings, folders."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.unit.docs.documents import DOCUMENTS, ROOT, name_of, spans

TOP = ("agents/", "alertmanager/", "benchmarks/", "docs/", "infra/", "models/", "prometheus/", "tests/", ".github/")
"""Folders of the repository that documents name; others are examples."""

MADE = ("benchmarks/results/",)
"""What is written by commands that documents name."""

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)


@cache
def anchors(path: Path) -> set[str]:
    """Headings of a page, as GitHub links them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            wrong.append(target)
    assert wrong == []


@every_document
def test_paths_in_code_exist(document: Path) -> None:
    paths = {span.split(":")[0] for span in spans(document.read_text()) if re.fullmatch(r"[\w./-]+", span)}
    named = {path for path in paths if path.startswith(TOP) and not path.startswith(MADE)}
    assert {path for path in named if not (ROOT / path).exists()} == set()
