"""One figure with its goal."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A median, or where `note` says so another summary, of several runs.

    Attributes:
        goal: None where the figure only explains another. at_most: whether the goal bounds it from above.
        note: what a reader has to know: what it was taken from, what limits it.
        versions: of the peers that it compares with.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = False
    note: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none.

        >>> Figure("evaluation", 0.3, "s", goal=1.0, at_most=True).met
        True
        """
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def row(self, command: str) -> dict[str, Any]:
        """As `benchmarks/results/latest.json` has it."""
        return {
            "name": self.name,
            "value": float(f"{self.value:.5g}"),
            "unit": self.unit,
            "goal": self.goal,
            "goal_is": None if self.goal is None else "at most" if self.at_most else "at least",
            "met": self.met,
            "command": command,
            "note": self.note,
            "versions": dict(self.versions),
        }


def median(values: Iterable[float]) -> float:
    """The median of the runs."""
    return statistics.median(values)
