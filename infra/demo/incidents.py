"""What goes wrong in the demo that runs until Ctrl-C: a round of incidents with quiet in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.producers.simulate import LiveSimulation
from models.synthetic.incidents import IncidentKind

FOREVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Planned:
    """An incident `after_s` seconds after the one before began."""

    after_s: float
    service: str
    kind: IncidentKind
    duration_s: float
    magnitude: float
    told: str


ROUND: Final = (
    Planned(60, "payments", IncidentKind.ERRORS, 60, 0.5, "half of the payments fail for a minute"),
    Planned(180, "checkout", IncidentKind.LATENCY, 90, 5.0, "checkout is six times slower for 90 s"),
    Planned(180, "search", IncidentKind.LEVEL_SHIFT, FOREVER, 1.0, "a deployment changes what is normal for search"),
    Planned(180, "checkout", IncidentKind.CPU, 60, 0.6, "something takes checkout's CPU for a minute"),
    Planned(180, "payments", IncidentKind.TRAFFIC_DROP, 60, 0.9, "nine tenths of the payments stay away for a minute"),
)
"""Far enough apart that the alerts of one have resolved before the next."""


class Incidents:
    """Begins the incidents of `ROUND` in turn, for as long as it is asked."""

    def __init__(self, simulation: LiveSimulation, now_s: float) -> None:
        self._simulation = simulation
        self._next = 0
        self._due_s = now_s + ROUND[0].after_s
        self.told = "quiet so far"

    def advance(self, now_s: float) -> None:
        """Begin the next incident when its time has come. `now_s` is a monotonic clock."""
        if now_s < self._due_s:
            return
        planned = ROUND[self._next % len(ROUND)]
        self._simulation.inject(planned.service, planned.kind, planned.duration_s, planned.magnitude)
        self.told = planned.told
        self._next += 1
        self._due_s = now_s + ROUND[self._next % len(ROUND)].after_s
