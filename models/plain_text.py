"""Producers' text for people: what moves a cursor, begins a line or reverses letters is shown, not done."""

from __future__ import annotations

from typing import Final

_CONTROLS: Final = [*range(0x20), *range(0x7F, 0xA0)]  # C0, DEL, C1: escapes of terminals, line ends
_LINES: Final = [0x2028, 0x2029]
_DIRECTIONS: Final = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]


def _shown(code: int) -> str:
    return {0x09: r"\t", 0x0A: r"\n", 0x0D: r"\r"}.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


_ONE_LINE: Final = {code: _shown(code) for code in (*_CONTROLS, *_LINES, *_DIRECTIONS)}
_LINES_KEPT: Final = {code: text for code, text in _ONE_LINE.items() if code not in (0x09, 0x0A)}


def one_line(text: str) -> str:
    r"""The text on one line, without a character that a terminal, a log or a reader takes for anything but itself.

    >>> one_line("disk\x1b[2J\nERROR all is lost")
    'disk\\x1b[2J\\nERROR all is lost'
    >>> one_line("/données/日本")
    '/données/日本'
    """
    return text.translate(_ONE_LINE)


def plain_lines(text: str) -> str:
    r"""The same of a text whose line ends and tabs are meant.

    >>> plain_lines("a\tb\nc\x07")
    'a\tb\nc\\x07'
    """
    return text.translate(_LINES_KEPT)
