"""Fields of a state table, declared once by the module that owns them: a Protocol, which mypy checks compiled code
against, and from which the array's dtype follows.

>>> from typing import Protocol
>>> class Row(Protocol):
...     demo_n: F8
...     demo_level: Annotated[NDArray[np.float64], Field("f8", (2,), start=float("nan"))]
>>> layout = Layout.of(Row)
>>> layout.dtype.names, layout.start
(('demo_n', 'demo_level'), {'demo_level': nan})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, get_type_hints

import numpy as np
from numpy.typing import NDArray

__all__ = ["F8", "I1", "I4", "I8", "Field", "Floats", "Ints", "Layout", "Table"]

Table: TypeAlias = NDArray[np.void]
"""A structured array. A row of it, in compiled code, is what its owner's Protocol says."""


@dataclass(frozen=True, slots=True)
class Field:
    """How a field is stored.

    Attributes:
        format: numpy's, of one number. shape: of its numbers. start: what a row that has seen nothing holds.
    """

    format: str
    shape: tuple[int, ...] = ()
    start: float | tuple[int, ...] = 0


F8 = Annotated[float, Field("f8")]
I1 = Annotated[int, Field("i1")]
I4 = Annotated[int, Field("i4")]
I8 = Annotated[int, Field("i8")]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's columns, and what they hold in a row that has seen nothing where that is not 0."""

    dtype: np.dtype[Any]
    start: Mapping[str, Any]

    @classmethod
    def of(cls, *rows: type) -> Layout:
        """The fields that each of these Protocols declares itself, in this order; inherited ones are another's."""
        fields = {name: field for row in rows for name, field in own_fields(row).items()}
        formats = [(name, field.format, field.shape) for name, field in fields.items()]
        start = {name: field.start for name, field in fields.items() if field.start != 0}
        return cls(np.dtype(formats, align=True), start)

    def begin(self, rows: Table) -> None:
        """Make rows that are all zeros those of something that has seen nothing."""
        for name, value in self.start.items():
            rows[name] = value

    def empty(self, n_rows: int) -> Table:
        """Rows of what has seen nothing."""
        rows: Table = np.zeros(n_rows, self.dtype)
        self.begin(rows)
        return rows


def own_fields(row: type) -> dict[str, Field]:
    """Fields that a Protocol declares itself, by name."""
    hints = get_type_hints(row, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in row.__annotations__}
