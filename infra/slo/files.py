"""OpenSLO files, and files of dependencies, from the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from models.errors import Misconfigured
from models.slo.causes.dependencies import parse_dependencies
from models.slo.definition import Slo
from models.slo.openslo import read as openslo
from models.slo.openslo.read import Definitions

SUFFIXES: Final = (".yaml", ".yml")


def read_slos(paths: Sequence[Path]) -> list[Slo]:
    """SLOs of OpenSLO files and folders, as `read_definitions`."""
    return read_definitions(paths).slos


def read_definitions(paths: Sequence[Path]) -> Definitions:
    """What OpenSLO files and folders define, read as one set: an SLI may be in another file than its SLO.

    Raises:
        Misconfigured: a file cannot be read or holds an error, or there is no SLO at all.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
            if not inside:
                raise Misconfigured(f"{path}: no {' or '.join(SUFFIXES)} file in this folder")
            files += inside
        else:
            files.append(path)
    texts = [(str(file), _text(file)) for file in dict.fromkeys(files)]
    found = openslo.read_definitions(texts)
    if not found.slos:
        raise Misconfigured(f"no SLO in {', '.join(str(path) for path in paths)}")
    return found


def read_dependencies(file: Path) -> dict[str, list[str]]:
    """What each service calls, by a YAML file; raises `Misconfigured` where it cannot be read or holds an error."""
    return parse_dependencies(_text(file), str(file))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise Misconfigured(f"{file}: {reason}") from error
