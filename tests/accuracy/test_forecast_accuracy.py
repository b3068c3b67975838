"""A small part of `python -m benchmarks.forecast`: tickets about budgets come true."""

from __future__ import annotations

from benchmarks.forecast.__main__ import figures, measure


def test_tickets_come_true() -> None:
    by_name = {row["name"]: row["value"] for row in figures(measure(150, 3))}
    assert by_name["tickets"] >= 40
    assert by_name["tickets that came true before the period's end"] >= 0.85
