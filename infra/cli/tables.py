"""Tables, JSON and differences as the command line prints them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from infra.terminal import cell

WIDEST = 1000
"""Characters of a row that is not folded."""


def show_json(value: Any) -> None:
    """Print a value that JSON can be made of."""
    print(json.dumps(value, indent=2))


def show_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str, whole_rows: bool = False) -> None:
    """Print rows under a header, or `empty` where there are none.

    Args:
        whole_rows: a line each, however narrow the terminal; else long cells are folded.
    """
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print(empty)
        return
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, overflow="fold", no_wrap=number == 0)  # a name is copied whole
    for row in rows:
        table.add_row(*map(cell, row))
    Console(width=WIDEST if whole_rows else None).print(table)


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Lines `field: before -> after` for every leaf in which two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = list(dict.fromkeys([*before, *after]))
        return [
            line
            for key in keys
            for line in differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        both = enumerate(zip(before, after, strict=True))
        return [line for index, (old, new) in both for line in differences(old, new, f"{path}[{index}]")]
    return [] if before == after else [f"{path}: {_shown(before)} -> {_shown(after)}"]


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
