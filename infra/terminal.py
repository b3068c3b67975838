"""The terminal as commands write to it: what a command prints is text, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from models.plain_text import one_line, plain_lines

if TYPE_CHECKING:
    from rich.text import Text


class PlainStream:
    """A stream that shows control characters instead of sending them.

    Rich makes colours of its own and writes beside it (`rich_proxied_file` is its name for that); what goes into its
    tables is a `cell`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write the text as text."""
        return self.rich_proxied_file.write(plain_lines(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def cell(text: str, style: str = "") -> Text:
    """A cell of a table, or a line: no markup, no control characters."""
    from rich.text import Text

    return Text(one_line(text), style=style)
