"""Text of producers, as people see it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.plain_text import one_line, plain_lines

SHOWN = {
    "an escape of a terminal": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "one of C1": ("\x9b31m", r"\x9b31m"),
    "a new line": ("a\nERROR b", r"a\nERROR b"),
    "a line separator": ("a\u2028b", r"a\u2028b"),
    "letters that run backwards": ("gpj.\u202eexe", r"gpj.\u202eexe"),
    "a bell and a backspace": ("\x07\x08", r"\x07\x08"),
    "text as it is": ("/données/日本 [/api] <b>😀", "/données/日本 [/api] <b>😀"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN)
def test_what_is_no_text_is_shown(text: str, shown: str) -> None:
    assert one_line(text) == shown


@given(st.text())
def test_nothing_that_is_left_is_a_control_character_or_a_line_end(text: str) -> None:
    shown = one_line(text)
    assert not any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in shown)
    assert len(shown.splitlines()) <= 1
    assert one_line(shown) == shown


@given(st.text())
def test_lines_and_tabs_that_are_meant_stay(text: str) -> None:
    kept = plain_lines(text)
    assert [one_line(line) for line in text.split("\n")] == [one_line(line) for line in kept.split("\n")]
