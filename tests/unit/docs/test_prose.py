"""What people read is written in short sentences."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from tests.unit.docs.documents import DOCUMENTS, ROOT, name_of, sentences, words

PAGES = [page for page in DOCUMENTS if not page.is_relative_to(ROOT / "benchmarks")]

MOST_WORDS = 16.0
"""Mean of a page. The runbook, which reads well, has 15; the design had 25 when it was one file."""

LONG = 25
MOST_LONG_RATIO = 0.1
"""Sentences of more words that a page may have, and one on a short page: some need them."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_written_in_short_sentences(page: Path) -> None:
    lengths = [words(sentence) for sentence in sentences(page.read_text())]
    if lengths:
        assert mean(lengths) <= MOST_WORDS
        assert sum(length > LONG for length in lengths) <= max(MOST_LONG_RATIO * len(lengths), 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One two. Three four five!", [2, 3], id="sentences"),
        pytest.param("Uses `a.b c` and [two words](x.md).", [5], id="code is a word, a link its text"),
        pytest.param("* one two.\n* three.", [2, 1], id="items of a list"),
        pytest.param("# A heading\n\n| a | table. |\n\n```\nA block. Of code.\n```\n\nOne.", [1], id="prose only"),
    ],
)
def test_words_are_counted_in_prose(text: str, expected: list[int]) -> None:
    assert [words(sentence) for sentence in sentences(text)] == expected
