"""Private parts of libraries: which ones we use, whether they are where we know them, and what is done where not.

A *seam* is the one file that uses parts of a library which its makers may move without telling. It has a table of
them (`Seam`) and two paths with the same results: the *fast path* uses the parts, the *plain path* what the library
documents. A version that moves a part costs speed, not the product.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

from models.errors import Misconfigured
from models.reasons import LibraryPath


class Library(StrEnum):
    """Libraries with a seam, by their names on PyPI; `libc` is the system's."""

    AIOKAFKA = "aiokafka"
    FAUST = "faust-streaming"
    LIBC = "libc"
    NUMBA = "numba"
    NUMPY = "numpy"
    SCIKIT_LEARN = "scikit-learn"
    TYPER = "typer"


class LibraryPart(NamedTuple):
    """A row of a seam's table.

    Attributes:
        target: `module:attribute.attribute`.
        breaks: what the fast path would do if the part were not as we know it.
        plain: what the plain path does instead.
        parameters: names that a function takes, `self` included; None: not looked at.
        works: whether the part does what we use it for; an exception says no.
        name: what people call it, where that is not the target.
    """

    target: str
    breaks: str
    plain: str
    parameters: tuple[str, ...] | None = None
    works: Callable[[Any], bool] | None = None
    name: str = ""

    def moved(self) -> str:
        """How the part differs from what we know; empty where it does not."""
        name = self.name or self.target
        try:
            found = self._find()
            if self.parameters is not None:
                takes = tuple(inspect.signature(found).parameters)
                if takes != self.parameters:
                    return f"{name} takes ({', '.join(takes)}), not ({', '.join(self.parameters)})"
            if self.works is not None and not self.works(found):
                return f"{name} is missing or works in another way"
        except (ImportError, AttributeError, LookupError, TypeError, ValueError, RuntimeError) as error:
            return f"{name}: {error}"
        return ""

    def _find(self) -> Any:
        module, _, path = self.target.partition(":")
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        return found


@dataclass(frozen=True)
class Seam:
    """The table of a library's private parts.

    Attributes:
        tested: versions with which the tests of both paths were run.
        has_plain_path: False where nothing can stand in; the process must not start then.
    """

    library: Library
    tested: tuple[str, ...]
    parts: tuple[LibraryPart, ...]
    has_plain_path: bool = True

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """What differs from what we know, a text a part; looked at once."""
        return tuple(filter(None, (part.moved() for part in self.parts)))

    def require(self) -> None:
        """Raise `Misconfigured` where parts have moved that no plain path can do without."""
        if self.moved and not self.has_plain_path:
            raise Misconfigured(
                f"Tidewatch can't run on this version of {self.library} ({'; '.join(self.moved)}): "
                f"install {' or '.join(self.tested)}"
            )

    @property
    def path(self) -> LibraryPath:
        """Which path to take, and why; raises as `require` does."""
        self.require()
        if self.moved:
            return LibraryPath.PLAIN_MOVED
        return LibraryPath.PLAIN_CHOSEN if self.library in _chosen and self.has_plain_path else LibraryPath.FAST

    @property
    def fast(self) -> bool:
        """Whether to take the fast path."""
        return self.path is LibraryPath.FAST

    def warning(self) -> str:
        """One line for the log or a person; empty on the fast path."""
        match self.path:
            case LibraryPath.PLAIN_MOVED:
                return (
                    f"{self.library}: the slower plain path is taken, because parts have moved since "
                    f"{self.tested[-1]}: {'; '.join(self.moved)}"
                )
            case LibraryPath.PLAIN_CHOSEN:
                return f"{self.library}: the slower plain path is taken, because plain_libraries says so"
        return ""


# which code a process runs is decided once, as its imports are: compiled loops are made while modules are imported
_chosen: frozenset[Library] = frozenset()
DECIDED_BY_IMPORT: Final[dict[Library, str]] = {Library.NUMBA: "models.numba_seams"}
"""Seams that decide while they are imported."""


def choose_plain(libraries: Collection[Library]) -> None:
    """Take the plain path of these libraries in this process, and the fast one of the others where it can be taken.

    Composition roots call it before they import what compiles loops.

    Raises:
        ValueError: a seam has decided otherwise already.
    """
    global _chosen  # noqa: PLW0603  # see above
    for library in _chosen.symmetric_difference(libraries):
        module = DECIDED_BY_IMPORT.get(library)
        if module in sys.modules:
            raise ValueError(f"{library} was decided on when {module} was imported: use a process of its own")
    _chosen = frozenset(libraries)


@contextmanager
def plain(*libraries: Library) -> Iterator[None]:
    """The plain path of these libraries for a while: for tests of both paths in one process."""
    before = _chosen
    choose_plain(before.union(libraries))
    try:
        yield
    finally:
        choose_plain(before)
