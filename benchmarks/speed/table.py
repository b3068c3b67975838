"""The table of figures: printed, and written between two marks of benchmarks/README.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.speed.record import ROOT, Record

README: Final = ROOT / "benchmarks" / "README.md"
BEGIN: Final = "<!-- figures: written by python -m benchmarks.speed -->"
END: Final = "<!-- end of figures -->"
SIGN: Final = {"at least": "≥", "at most": "≤"}


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table."""
    lines = ["| figure | value | unit | goal | met |", "| --- | ---: | --- | --- | --- |"]
    for row in rows:
        goal = "" if row["goal"] is None else f"{SIGN[row['goal_is']]} {number(row['goal'])}"
        met = {None: "", True: "yes", False: "**missed**"}[row["met"]]
        lines.append(f"| {row['name']} | {number(row['value'])} | {row['unit']} | {goal} | {met} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, thousands separated.

    >>> [number(value) for value in (32929.4, 0.1927, 12.34, 1.0, 0.00005)]
    ['32,929', '0.193', '12.3', '1', '5e-05']
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write(results: Record) -> None:
    """Put the record's table, with machine, dates, commands and versions, in the place of the README's."""
    text = README.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README} lacks the marks {BEGIN} and {END}")
    README.write_text(f"{before}{BEGIN}\n{_section(results)}\n{END}{after}")


def _section(results: Record) -> str:
    rows = results.rows
    if not rows:
        return "\nNothing is measured yet.\n"
    machine = results.body["machine"]
    parts = [
        "",
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}. Medians of five runs where nothing else is said.",
    ]
    for name in dict.fromkeys(row["measurement"] for row in rows):
        mine = [row for row in rows if row["measurement"] == name]
        parts += ["", f"`{mine[0]['command']}`, {mine[0]['measured_at'][:10]}, commit {mine[0]['commit']}", ""]
        parts.append(markdown(mine))
        notes = list(dict.fromkeys(f"{row['name']}: {row['note']}." for row in mine if row["note"]))
        versions = sorted({f"{name} {version}" for row in mine for name, version in row["versions"].items()})
        parts += ["", *notes] if notes else []
        parts += ["", f"Versions: {', '.join(versions)}."] if versions else []
    return "\n".join([*parts, ""])
