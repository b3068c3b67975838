"""A worker's log: one line an event, whatever texts of producers are in it."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Final

from models.plain_text import one_line

FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

TRACEBACK: Final = "    | "
"""What the lines of a traceback begin with: no event does."""


class OneLineFormatter(logging.Formatter):
    """Shows control characters of messages, and sets the lines of a traceback apart from events."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The event, on one line."""
        return one_line(super().formatMessage(record))

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """The traceback, each line marked."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(TRACEBACK + one_line(line) for line in lines)


def log_to_stderr(level: str) -> None:
    """Let everything be logged to standard error; libraries that say a lot, from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLineFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in ("faust", "mode", "aiokafka", "kafka", "alembic", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
