"""When a service that ended is started again."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 0.5  # a killed worker is back before anybody looks
LONGEST_DELAY_S = 30.0  # one that cannot start does not keep the machine busy trying
STEADY_AFTER_S = 60.0  # whoever ran this long had no trouble starting


@dataclass
class Restarts:
    """Delay before the next start of one service: doubled at every quick death, forgotten after a long life."""

    count: int = 0
    quick_deaths: int = 0
    due_s: float | None = None

    def died(self, now_s: float, lived_s: float) -> float:
        """Note a death; the delay in seconds after which to start again.

        >>> restarts = Restarts()
        >>> [restarts.died(now_s=0.0, lived_s=1.0) for _ in range(3)], restarts.died(now_s=0.0, lived_s=100.0)
        ([0.5, 1.0, 2.0], 0.5)
        """
        self.quick_deaths = 0 if lived_s >= STEADY_AFTER_S else self.quick_deaths
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0**self.quick_deaths)
        self.quick_deaths += 1
        self.due_s = now_s + delay_s
        return delay_s

    def is_due(self, now_s: float) -> bool:
        """Whether the noted death's delay is over."""
        return self.due_s is not None and now_s >= self.due_s

    def started(self) -> None:
        """Note the start."""
        self.count += 1
        self.due_s = None
