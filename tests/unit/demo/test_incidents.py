"""The demo's round of incidents: one at a time, each when its time has come."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from infra.demo.incidents import ROUND, Incidents
from infra.producers.simulate import LiveSimulation


class Injected:
    """Notes what a simulation is told to do."""

    def __init__(self) -> None:
        self.services: list[str] = []

    def inject(self, service: str, *_: object) -> None:
        self.services.append(service)


def test_each_begins_so_long_after_the_one_before() -> None:
    simulation = Injected()
    incidents = Incidents(cast(LiveSimulation, simulation), now_s=1000.0)
    incidents.advance(1059.9)
    assert (simulation.services, incidents.told) == ([], "quiet so far")
    incidents.advance(1060.0)
    assert (simulation.services, incidents.told) == (["payments"], ROUND[0].told)
    incidents.advance(1060.0 + ROUND[1].after_s - 1)
    assert simulation.services == ["payments"]


def test_the_round_begins_anew_when_it_is_over() -> None:
    simulation, now_s = Injected(), 0.0
    incidents = Incidents(cast(LiveSimulation, simulation), now_s)
    for _ in range(len(ROUND) + 1):
        now_s += 200.0
        incidents.advance(now_s)
    assert simulation.services == [*(planned.service for planned in ROUND), ROUND[0].service]


def test_the_alerts_of_one_have_resolved_before_the_next() -> None:
    gaps = [after.after_s - before.duration_s for before, after in pairwise(ROUND)]
    assert min(gap for gap in gaps if gap > 0) >= 90.0
