"""What commands print of producers' text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from infra.cli.tables import show_table
from infra.terminal import PlainStream, cell

HOSTILE = ["[/api]", "[red]x[/]", "a\x1b[2Jb", "a\nb", "[link=https://evil.example]x"]
SHOWN = ["[/api]", "[red]x[/]", r"a\x1b[2Jb", r"a\nb", "[link=https://evil.example]x"]


@pytest.mark.parametrize(("text", "shown"), list(zip(HOSTILE, SHOWN, strict=True)))
def test_a_cell_is_neither_markup_nor_an_escape(text: str, shown: str) -> None:
    out = io.StringIO()
    table = Table(box=None)
    table.add_column("x")
    table.add_row(cell(text))
    Console(file=out, force_terminal=True, width=100).print(table)
    assert shown in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


def test_a_table_of_such_texts_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["name"], [[text] for text in HOSTILE], empty="nothing")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["name", *SHOWN]


def test_what_is_printed_is_shown_and_rich_keeps_its_colours() -> None:
    raw = io.StringIO()
    plain = PlainStream(raw)
    print("a\x1b[2Jb\tc", file=plain)
    assert raw.getvalue() == "a\\x1b[2Jb\tc\n"
    Console(file=plain, force_terminal=True, color_system="standard").print("x", style="red")  # type: ignore[arg-type]
    assert "\x1b[31mx" in raw.getvalue()
