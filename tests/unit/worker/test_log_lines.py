"""One line an event, whatever a producer wrote."""

from __future__ import annotations

import logging
import sys

from agents.worker.log_lines import TRACEBACK, OneLineFormatter


def formatted(message: str, *arguments: object, error: BaseException | None = None) -> str:
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("agents.x", logging.ERROR, __file__, 1, message, arguments, exc_info)
    return OneLineFormatter().format(record)


def test_a_new_line_in_a_label_forges_no_event() -> None:
    line = formatted("no model of %s", "shop\n2026-12-01 00:00:00,000 CRITICAL agents: all is lost\x1b[2J")
    assert "\n" not in line
    assert "\x1b" not in line
    assert line.endswith(r"shop\n2026-12-01 00:00:00,000 CRITICAL agents: all is lost\x1b[2J")


def test_lines_of_a_traceback_are_told_from_events() -> None:
    try:
        raise ValueError("a\n2026-12-01 CRITICAL forged")
    except ValueError:
        error = sys.exception()
    first, *rest = formatted("it failed", error=error).splitlines()
    assert first.endswith("agents.x: it failed")
    assert rest
    assert all(line.startswith(TRACEBACK) for line in rest)
