"""Regular expressions that people write: matched in time linear in the text, whatever the expression.

Python's `re` backtracks: `(a+)+` over 35 characters of one label takes hours, and the worker with it. RE2 builds an
automaton instead (Cox, "Regular Expression Matching Can Be Simple And Fast", 2007), so it has neither look-around nor
back-references. It is what Prometheus uses for its matchers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from models.errors import Misconfigured


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False  # the caller tells them
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise Misconfigured(_problem(expression, error)) from error


def check(expression: str) -> None:
    """Raises `Misconfigured`, with the place in the expression, for one that cannot be matched in linear time."""
    _compiled(expression)


def fully_matches(expression: str, text: str) -> bool:
    """Whether the whole text matches; raises `Misconfigured` as `check` does.

    >>> fully_matches("5..", "503"), fully_matches("5..", "5030")
    (True, False)
    """
    return _compiled(expression).fullmatch(text) is not None


def _problem(expression: str, error: Exception) -> str:
    stated = error.args[0].decode("utf-8", "replace") if error.args else "unknown"
    part = stated.rpartition(": ")[2]
    at = expression.find(part) if part else -1
    place = f" at character {at + 1}" if at >= 0 else ""
    return f"not a regular expression that RE2 takes{place}: {stated}{_hint(part)}"


def _hint(part: str) -> str:
    if part.startswith(("(?=", "(?!", "(?<")):
        return "; there is no look-around, use a second condition such as '!~'"
    if part[:1] == "\\" and part[1:2].isdigit():
        return "; there are no back-references"
    return ""
