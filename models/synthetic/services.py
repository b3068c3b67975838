"""Simulated services whose metrics hang together: load drives CPU and latency, latency drives queues and saturation.

Everything follows from the seed, the start and the incidents: noise is drawn tick by tick in a fixed order, so that the
same simulation gives the same values in blocks of any length, and an incident changes nothing but what it affects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import Misconfigured
from models.labels import LabelWindow
from models.records import SampleColumns
from models.series import format_series
from models.synthetic.incidents import Incident, IncidentKind, label_windows
from models.timestamps import DAY_S, SECOND_NS

Floats = NDArray[np.float64]

METRICS = (
    "latency_ms",
    "requests_total",
    "errors_total",
    "cpu_ratio",
    "memory_ratio",
    "queue_depth",
    "saturation_ratio",
)
# slow wander of the load: periods from minutes to an hour without a small common multiple, so that nothing repeats
_WANDER_PERIODS_S = np.array([420.0, 1370.0, 3970.0])
_WANDER_AMPLITUDE = np.array([0.03, 0.04, 0.04])
# independent normal numbers per instance and tick: load, latency, errors, CPU, memory, queue
_NOISES = 6


@dataclass(frozen=True, slots=True)
class ServiceProfile:
    """A service in its normal state.

    Attributes:
        name: service label. instances: number of instances, `<name>-1` and so on.
        requests_per_s: mean load of the whole service.
        latency_ms: latency of an idle instance.
        memory_ratio: share of the memory in use.
        error_ratio: share of the requests that fails in normal times.
        peak_hour: hour of day (UTC) of the highest load. daily_swing: how far load moves from its mean over a day.
    """

    name: str
    instances: int
    requests_per_s: float
    latency_ms: float
    memory_ratio: float
    error_ratio: float
    peak_hour: float = 15.0
    daily_swing: float = 0.3

    @property
    def instance_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-{number}" for number in range(1, self.instances + 1))


SERVICES: Mapping[str, ServiceProfile] = {
    profile.name: profile
    for profile in (
        ServiceProfile("checkout", 3, 240.0, 80.0, 0.55, 0.001),
        ServiceProfile("search", 4, 900.0, 35.0, 0.42, 0.0005, peak_hour=20.0),
        ServiceProfile("payments", 3, 90.0, 140.0, 0.48, 0.002, peak_hour=12.0, daily_swing=0.4),
    )
}


def choose_services(names: Sequence[str]) -> list[ServiceProfile]:
    """Profiles by name; raises `Misconfigured` naming what there is."""
    for name in names:
        if name not in SERVICES:
            raise Misconfigured(f"no simulated service {name!r}: {', '.join(SERVICES)}")
    return [SERVICES[name] for name in names]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ticks of all services.

    Attributes:
        event_time_ns: int64 `(n_ticks,)`.
        values: float64 `(n_ticks, n_series)` in the order of `Simulation.series`; NaN: the instance was silent.
    """

    event_time_ns: NDArray[np.int64]
    values: Floats


@dataclass(slots=True)
class _Effects:
    """What the incidents do, each `(n_ticks, n_instances)`."""

    load: Floats
    latency: Floats
    errors: Floats
    cpu: Floats
    cpu_scale: Floats
    memory: Floats
    silent: NDArray[np.bool_]


class Simulation:
    """Metrics of some services from `start_ns` on, a tick every `interval_s`.

    >>> simulation = Simulation([SERVICES["checkout"]], seed=1, start_ns=0, interval_s=10)
    >>> simulation.block(3).values.shape, simulation.elapsed_s
    ((3, 21), 30.0)
    """

    def __init__(
        self,
        services: Sequence[ServiceProfile],
        *,
        seed: int,
        start_ns: int,
        interval_s: float = 1.0,
        incidents: Sequence[Incident] = (),
    ) -> None:
        self.services = tuple(services)
        self.start_ns = start_ns
        self.interval_ns = round(interval_s * SECOND_NS)
        self.incidents: list[Incident] = []
        self.tick = 0
        self._instances = [(s.name, instance) for s in services for instance in s.instance_names]
        self.series: list[tuple[str, dict[str, str]]] = [
            (metric, {"service": service, "instance": instance})
            for service, instance in self._instances
            for metric in METRICS
        ]
        self.series_ids = [format_series(metric, labels) for metric, labels in self.series]
        self._rng = np.random.default_rng(seed)
        n = len(self._instances)
        self._phase = self._rng.uniform(0, 2 * np.pi, (n, len(_WANDER_PERIODS_S)))
        self._requests = np.zeros(n)
        self._errors = np.zeros(n)

        def per_instance(of: Sequence[float]) -> Floats:
            return np.repeat(np.array(of, np.float64), [s.instances for s in services])

        self._rps = per_instance([s.requests_per_s / s.instances for s in services])
        self._latency_ms = per_instance([s.latency_ms for s in services])
        self._memory = per_instance([s.memory_ratio for s in services])
        self._error_ratio = per_instance([s.error_ratio for s in services])
        self._peak_s = per_instance([s.peak_hour * 3600 for s in services])
        self._swing = per_instance([s.daily_swing for s in services])
        for incident in incidents:
            self.inject(incident)

    @property
    def elapsed_s(self) -> float:
        """Simulated seconds so far: where the next tick is, and the `start_s` of an incident that begins now."""
        return self.tick * self.interval_ns / SECOND_NS

    def inject(self, incident: Incident) -> None:
        """Add an incident; it acts on ticks not generated yet. Raises `Misconfigured` where it names nothing here."""
        if not any(
            service == incident.service and incident.instance in (None, instance)
            for service, instance in self._instances
        ):
            where = f"{incident.service}/{incident.instance}" if incident.instance else incident.service
            raise Misconfigured(f"no simulated {where}: {', '.join(f'{s}/{i}' for s, i in self._instances)}")
        self.incidents.append(incident)

    def labels(self) -> list[LabelWindow]:
        """Abnormal time ranges among the ticks generated so far."""
        instances = {service.name: service.instance_names for service in self.services}
        return label_windows(self.incidents, instances, self.start_ns, self.start_ns + self.tick * self.interval_ns)

    def block(self, ticks: int) -> Block:
        """The next `ticks` ticks."""
        elapsed_ns = (self.tick + np.arange(ticks, dtype=np.int64)) * self.interval_ns
        event_time_ns = self.start_ns + elapsed_ns
        effects = self._effects(elapsed_ns / SECOND_NS)
        noise = self._rng.standard_normal((ticks, len(self._instances), _NOISES))
        load = self._load(event_time_ns / SECOND_NS) * effects.load * (1 + 0.03 * noise[:, :, 0])
        # capacity is twice the mean load: a normal peak stays below two thirds of it
        utilisation = np.clip(load / (2 * self._rps), 0.0, 1.1)
        cpu = 0.08 + 0.7 * utilisation * effects.cpu_scale + effects.cpu + 0.01 * noise[:, :, 3]
        # above 85 % CPU requests wait for it
        scarce = 1 + 6 * np.clip(cpu - 0.85, 0.0, 0.4)
        waiting = 1 + 0.5 * utilisation / (1.25 - utilisation)
        latency = self._latency_ms * waiting * scarce * effects.latency * np.exp(0.05 * noise[:, :, 1])
        in_flight = load * latency / 1000  # Little's law
        # the pool holds four times the requests that are in flight at mean load
        pool = 4 * self._rps * self._latency_ms * 1.4 / 1000
        queue = np.maximum(0.0, 3 * waiting + 40 * np.clip(in_flight / pool - 0.3, 0.0, None) + 0.7 * noise[:, :, 5])
        requests = np.rint(load * self.interval_ns / SECOND_NS)
        expected_errors = requests * np.clip(self._error_ratio + effects.errors, 0.0, 1.0)
        errors = np.floor(expected_errors + np.sqrt(expected_errors) * noise[:, :, 2] + 0.5)
        errors = np.clip(errors, 0.0, requests)
        memory = self._memory + 0.06 * (utilisation - 0.5) + effects.memory + 0.003 * noise[:, :, 4]
        values = np.stack(
            [
                latency,
                self._requests + np.cumsum(requests, axis=0),
                self._errors + np.cumsum(errors, axis=0),
                np.clip(cpu, 0.0, 1.0),
                np.clip(memory, 0.0, 1.0),
                np.rint(queue),
                np.clip(in_flight / pool, 0.0, 1.0),
            ],
            axis=2,
        )
        self._requests = self._requests + requests.sum(axis=0)
        self._errors = self._errors + errors.sum(axis=0)
        values[effects.silent] = np.nan
        self.tick += ticks
        return Block(event_time_ns, np.round(values, 6).reshape(ticks, -1))

    def columns(self, block: Block) -> SampleColumns:
        """The samples of a block, tick by tick; silent instances have none."""
        tick, series = np.nonzero(~np.isnan(block.values))
        return SampleColumns(
            self.series_ids, series.astype(np.int32), block.event_time_ns[tick], block.values[tick, series]
        )

    def _load(self, now_s: Floats) -> Floats:
        """Requests per second, `(n_ticks, n_instances)`: daily shape, quieter weekends, slow wander."""
        moment = now_s[:, None]
        daily = 1 + self._swing * np.cos(2 * np.pi * (moment - self._peak_s) / DAY_S)
        day_of_week = np.floor(moment / DAY_S + 4) % 7  # the epoch was a Thursday; 0 is Sunday
        weekend = np.where((day_of_week == 0) | (day_of_week == 6), 0.8, 1.0)
        angle = 2 * np.pi * moment[:, :, None] / _WANDER_PERIODS_S + self._phase
        return np.asarray(self._rps * daily * weekend * (1 + np.sin(angle) @ _WANDER_AMPLITUDE))

    def _effects(self, elapsed_s: Floats) -> _Effects:
        shape = (len(elapsed_s), len(self._instances))
        effects = _Effects(
            np.ones(shape),
            np.ones(shape),
            np.zeros(shape),
            np.zeros(shape),
            np.ones(shape),
            np.zeros(shape),
            np.zeros(shape, np.bool_),
        )
        for incident in self.incidents:
            during = (elapsed_s >= incident.start_s) & (elapsed_s < incident.end_s)
            if during.any():
                hit = np.array([s == incident.service and incident.instance in (None, i) for s, i in self._instances])
                _apply(incident, during[:, None] & hit, elapsed_s[:, None], effects)
        return effects


def _apply(incident: Incident, where: NDArray[np.bool_], elapsed_s: Floats, effects: _Effects) -> None:
    """Add one incident to the effects at the cells `where`."""
    magnitude = incident.magnitude
    match incident.kind:
        case IncidentKind.LATENCY:
            effects.latency[where] *= 1 + magnitude
        case IncidentKind.ERRORS:
            effects.errors[where] += magnitude
        case IncidentKind.CPU:
            effects.cpu[where] += magnitude
        case IncidentKind.MEMORY_LEAK:
            # a leak without an end takes an hour to its full size
            progress = np.minimum((elapsed_s - incident.start_s) / min(incident.duration_s, 3600.0), 1.0)
            effects.memory += np.where(where, magnitude * progress, 0.0)
        case IncidentKind.TRAFFIC_DROP:
            effects.load[where] *= max(0.0, 1 - magnitude)
        case IncidentKind.LEVEL_SHIFT:
            effects.cpu_scale[where] *= 1 + 0.25 * magnitude
            effects.memory[where] += 0.12 * magnitude
            effects.latency[where] *= 1 + 0.2 * magnitude
        case IncidentKind.SILENCE:
            effects.silent |= where
