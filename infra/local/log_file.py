"""A file of lines that people can follow, of bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

KEPT_BYTES = 5_000_000


class LogFile:
    """Appends lines; a full file is moved aside as `.log.1`, the one before it forgotten. One thread at a time."""

    def __init__(self, path: Path, kept_bytes: int = KEPT_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._kept_bytes = kept_bytes

    def write(self, lines: Sequence[str]) -> None:
        """Append lines, each with its end of line."""
        if self._path.exists() and self._path.stat().st_size > self._kept_bytes:
            self._path.replace(self._path.with_suffix(".log.1"))
        with self._path.open("a") as stream:
            stream.writelines(lines)
