"""A clock that moves when a test says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ManualClock:
    """Both clocks of `infra.clock.Clock`; they move together."""

    at_ns: int = 1_780_000_020_000_000_000
    passed_s: float = 0.0

    def now_ns(self) -> int:
        return self.at_ns

    def steady_s(self) -> float:
        return self.passed_s

    def advance(self, seconds: float) -> None:
        self.at_ns += int(seconds * 1_000_000_000)
        self.passed_s += seconds
