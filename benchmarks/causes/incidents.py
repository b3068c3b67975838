"""Simulated incidents whose cause is known, and the SLOs that they burn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.sli.binding import ThresholdOp
from models.slo.definition import MetricQuery, RatioIndicator, Slo, ThresholdIndicator, TimeWindow, WindowUnit
from models.synthetic.incidents import Incident, IncidentKind
from models.synthetic.services import SERVICES, ServiceProfile

CAUSE: Final = {
    IncidentKind.LATENCY: "latency_ms",
    IncidentKind.ERRORS: "errors_total",
    IncidentKind.CPU: "cpu_ratio",
    IncidentKind.MEMORY_LEAK: "memory_ratio",
    IncidentKind.TRAFFIC_DROP: "requests_total",
}
"""The one series that each kind acts on; whatever else moves follows from it. A level shift acts on three and is a new
normal, a silence leaves nothing to rank."""

MAGNITUDES: Final = {
    IncidentKind.LATENCY: (1.0, 2.0, 4.0),
    IncidentKind.ERRORS: (0.1, 0.2, 0.4),
    IncidentKind.CPU: (0.5, 0.65, 0.8),
    IncidentKind.MEMORY_LEAK: (0.35, 0.4, 0.45),
    IncidentKind.TRAFFIC_DROP: (0.5, 0.7, 0.9),
}

SLOW_KINDS: Final = (IncidentKind.LATENCY, IncidentKind.ERRORS, IncidentKind.CPU, IncidentKind.MEMORY_LEAK)
RAMP_S: Final = 2400.0
RAMP_STEPS: Final = 40
LASTS_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    """One incident and what is known about it.

    Attributes:
        slow: it grows over `RAMP_S` (a memory leak over its whole length) instead of being there at once.
        incidents: what is simulated: one, or the steps of a ramp.
    """

    seed: int
    service: ServiceProfile
    kind: IncidentKind
    instance: str | None
    magnitude: float
    slow: bool
    start_s: float
    incidents: tuple[Incident, ...]

    @property
    def cause(self) -> str:
        return CAUSE[self.kind]

    @property
    def end_s(self) -> float:
        return self.start_s + LASTS_S

    @property
    def unpaged(self) -> bool:
        """Whether no SLO counts what this incident does: no threshold of ours is about too little traffic."""
        return self.kind is IncidentKind.TRAFFIC_DROP


def cases(count: int, *, seed: int, history_s: float) -> Iterator[Case]:
    """`count` incidents, kinds and services in turn, the rest drawn; the same seed gives the same incidents."""
    kinds: list[tuple[IncidentKind, bool]] = [(kind, False) for kind in CAUSE if kind is not IncidentKind.MEMORY_LEAK]
    kinds += [(kind, True) for kind in SLOW_KINDS]
    services = list(SERVICES.values())
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind, slow = kinds[number % len(kinds)]
        service = services[number // len(kinds) % len(services)]
        magnitude = float(rng.choice(MAGNITUDES[kind]))
        # a memory leak and a noisy neighbour are an instance's, traffic and dependencies are everybody's
        alone = kind in (IncidentKind.MEMORY_LEAK, IncidentKind.CPU) or rng.random() < 0.5
        instance = str(rng.choice(service.instance_names)) if alone and kind is not IncidentKind.TRAFFIC_DROP else None
        start_s = history_s + float(rng.integers(0, 600))
        steps = _steps(service.name, kind, start_s, magnitude=magnitude, instance=instance, slow=slow)
        yield Case(seed * 100_000 + number, service, kind, instance, magnitude, slow, start_s, steps)


def _steps(
    service: str, kind: IncidentKind, start_s: float, *, magnitude: float, instance: str | None, slow: bool
) -> tuple[Incident, ...]:
    if not slow or kind is IncidentKind.MEMORY_LEAK:  # a leak grows by itself
        return (Incident(service, kind, start_s, LASTS_S, magnitude, instance),)
    step_s = RAMP_S / RAMP_STEPS
    ramp = [
        Incident(service, kind, start_s + n * step_s, step_s, magnitude * (n + 1) / RAMP_STEPS, instance)
        for n in range(RAMP_STEPS)
    ]
    return (*ramp, Incident(service, kind, start_s + RAMP_S, LASTS_S - RAMP_S, magnitude, instance))


def slos_of(service: ServiceProfile) -> list[Slo]:
    """What a team would promise: answers at most twice as slow as usual, few errors, room in CPU and memory."""

    def threshold(name: str, metric: str, most: float) -> Slo:
        return _slo(service, name, ThresholdIndicator(MetricQuery(metric, ()), ThresholdOp.LTE, most))

    errors = RatioIndicator(MetricQuery("errors_total", ()), True, MetricQuery("requests_total", ()), True)
    return [
        threshold("latency", "latency_ms", 2.6 * service.latency_ms),
        _slo(service, "errors", errors),
        threshold("cpu", "cpu_ratio", 0.75),
        threshold("memory", "memory_ratio", 0.75),
    ]


def _slo(service: ServiceProfile, name: str, indicator: ThresholdIndicator | RatioIndicator) -> Slo:
    target = 0.995 if name == "errors" else 0.999
    return Slo(f"{service.name}-{name}", service.name, target, TimeWindow(30, WindowUnit.DAY), indicator)
