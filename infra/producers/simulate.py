"""Simulated services as a producer: history at full speed, then live, with incidents on a schedule or on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from infra.producers.pace import WaitingClock
from models.records import SampleColumns
from models.synthetic.incidents import DEFAULT_MAGNITUDE, Incident, IncidentKind
from models.synthetic.services import ServiceProfile, Simulation
from models.timestamps import SECOND_NS

# ticks generated at once while catching up; 500 ticks of the 10 instances there are make 35,000 samples
BACKFILL_TICKS: Final = 500


class Sink(Protocol):
    """What takes the samples."""

    def publish(self, columns: SampleColumns) -> None:
        """Take them."""


class LiveSimulation:
    """Publishes a simulation whose last `backfill_s` seconds lie in the past.

    Incidents' `start_s` counts from the first live tick. `inject` may be called from any thread while `run` runs.
    """

    def __init__(
        self,
        services: Sequence[ServiceProfile],
        sink: Sink,
        clock: WaitingClock,
        *,
        seed: int,
        interval_s: float = 1.0,
        backfill_s: float = 0.0,
        incidents: Sequence[Incident] = (),
    ) -> None:
        interval_ns = round(interval_s * SECOND_NS)
        backfill_ticks = round(backfill_s / interval_s)
        # on the interval's own grid, so that two producers tick together
        self._live_from_ns = clock.now_ns() // interval_ns * interval_ns
        self._live_from_s = backfill_ticks * interval_ns / SECOND_NS
        self._sink = sink
        self._clock = clock
        self.simulation = Simulation(
            services,
            seed=seed,
            start_ns=self._live_from_ns - backfill_ticks * interval_ns,
            interval_s=interval_s,
            incidents=[replace(incident, start_s=incident.start_s + self._live_from_s) for incident in incidents],
        )

    @property
    def next_tick_ns(self) -> int:
        """Event time of the next tick."""
        return self.simulation.start_ns + self.simulation.tick * self.simulation.interval_ns

    def backfill(self, progress: Callable[[int], None] = lambda samples: None) -> int:
        """Publish everything up to the first live tick at full speed; returns the number of samples."""
        published = 0
        while (left := (self._live_from_ns - self.next_tick_ns) // self.simulation.interval_ns) > 0:
            samples = self._publish(min(left, BACKFILL_TICKS))
            published += samples
            progress(samples)
        return published

    def run(self, ticks: int | None = None, progress: Callable[[int], None] = lambda samples: None) -> int:
        """Publish a tick whenever its time has come, `ticks` of them or until the clock is stopped.

        Ticks missed while the machine slept are published when it wakes. Returns the number of samples.
        """
        published = 0
        while ticks is None or ticks > 0:
            if not self._clock.sleep_until(self.next_tick_ns):
                break
            samples = self._publish(1)
            published += samples
            progress(samples)
            ticks = ticks if ticks is None else ticks - 1
        return published

    def _publish(self, ticks: int) -> int:
        columns = self.simulation.columns(self.simulation.block(ticks))
        self._sink.publish(columns)
        return len(columns)

    def inject(
        self,
        service: str,
        kind: IncidentKind,
        duration_s: float = float("inf"),
        magnitude: float | None = None,
        instance: str | None = None,
    ) -> Incident:
        """Begin an incident with the next tick; raises `Misconfigured` where there is no such service or instance."""
        much = DEFAULT_MAGNITUDE[kind] if magnitude is None else magnitude
        incident = Incident(service, kind, self.simulation.elapsed_s, duration_s, much, instance)
        self.simulation.inject(incident)
        return incident
