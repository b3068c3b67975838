"""What people want to hear of a metric: in which direction it goes, and how far at least.

A change that nobody asked about is still learnt and still shown with its expected value; it is no evidence, neither by
itself nor as a part of what a service's model finds anomalous about the row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from models.state.fields import F8, I1


class MetricRuleRow(Protocol):
    """What holds of a series' metric: whether it is cumulative (1), and which changes of it count: 1 upwards, -1
    downwards, 0 both; how large at least, absolute and as a share of the level; the largest value that its unit has, 0
    where it has none."""

    rule_is_counter: I1
    rule_direction: I1
    rule_least_effect: F8
    rule_least_effect_ratio: F8
    rule_most: F8


class Direction(StrEnum):
    """Which way a change has to go."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    @property
    def sign(self) -> int:
        """1 upwards, -1 downwards, 0 either way."""
        return {Direction.UP: 1, Direction.DOWN: -1, Direction.BOTH: 0}[self]


@dataclass(frozen=True, slots=True)
class MetricRule:
    """Which changes of some metrics count.

    Attributes:
        metric: name, or a pattern of it with `*`, `?` and `[...]`.
        direction: which way.
        minimum_effect: least change from the level, in the metric's own unit (of a counter: of its rate a second).
        minimum_effect_ratio: least change as a share of the level. A change has to reach both.

    Raises:
        ValueError: an effect is negative or not a number.
    """

    metric: str
    direction: Direction = Direction.BOTH
    minimum_effect: float = 0.0
    minimum_effect_ratio: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.minimum_effect < math.inf and 0.0 <= self.minimum_effect_ratio < math.inf):
            raise ValueError(f"the minimum effect of {self.metric!r} must be a number from 0 up")


EVERY_CHANGE = MetricRule("*")


def rule_for(metric: str, rules: Sequence[MetricRule]) -> MetricRule:
    """The first rule that names the metric; `EVERY_CHANGE` where none does.

    >>> rule_for("latency_ms", [MetricRule("latency_*", Direction.UP)]).direction.value
    'up'
    """
    return next((rule for rule in rules if fnmatchcase(metric, rule.metric)), EVERY_CHANGE)
