"""What can go wrong in a simulated service, as data: kind, when, how much, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.errors import Misconfigured
from models.labels import LabelWindow
from models.moments import duration_s
from models.timestamps import SECOND_NS


class IncidentKind(StrEnum):
    """Kinds of incidents; what `magnitude` means is said at each."""

    LATENCY = "latency"  # latency is multiplied by 1 + magnitude
    ERRORS = "errors"  # this share of the requests fails in addition
    CPU = "cpu"  # this share of the CPU is taken by something else; latency follows where it gets scarce
    MEMORY_LEAK = "memory_leak"  # memory grows by this share until the end, then the process restarts
    TRAFFIC_DROP = "traffic_drop"  # this share of the traffic stays away
    LEVEL_SHIFT = "level_shift"  # a deployment: CPU, memory and latency go to another level, about 25 % at 1
    SILENCE = "silence"  # no samples at all


DEFAULT_MAGNITUDE: Mapping[IncidentKind, float] = {
    IncidentKind.LATENCY: 3.0,
    IncidentKind.ERRORS: 0.2,
    IncidentKind.CPU: 0.5,
    IncidentKind.MEMORY_LEAK: 0.4,
    IncidentKind.TRAFFIC_DROP: 0.8,
    IncidentKind.LEVEL_SHIFT: 1.0,
    IncidentKind.SILENCE: 1.0,
}
# not anomalies of a sample: a new normal, and nothing to score
_UNLABELLED = (IncidentKind.LEVEL_SHIFT, IncidentKind.SILENCE)
_SPEC = re.compile(
    r"(?P<service>[^:/@]+)(?:/(?P<instance>[^:@]+))?:(?P<kind>[a-z_]+)@(?P<start>[\d.]+[smhdw])"
    r"(?:\+(?P<duration>[\d.]+[smhdw]))?(?:\*(?P<magnitude>[\d.]+))?"
)


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident.

    Attributes:
        service: which service.
        kind: what happens.
        start_s: begin, seconds after the start of the simulation.
        duration_s: how long; infinite for what stays, as a level shift does.
        magnitude: how much; see `IncidentKind`.
        instance: only this instance; None for all of the service.
    """

    service: str
    kind: IncidentKind
    start_s: float
    duration_s: float
    magnitude: float
    instance: str | None = None

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


def parse_incident(spec: str) -> Incident:
    """The incident that `SERVICE[/INSTANCE]:KIND@START[+DURATION][*MAGNITUDE]` describes; raises `Misconfigured`.

    Without a duration it stays; without a magnitude it is the kind's usual one.

    >>> incident = parse_incident("checkout/checkout-1:latency@5m+90s*4")
    >>> incident.instance, incident.kind.value, incident.start_s, incident.duration_s, incident.magnitude
    ('checkout-1', 'latency', 300.0, 90.0, 4.0)
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise Misconfigured(
            f"{spec!r} is no incident: write SERVICE[/INSTANCE]:KIND@START[+DURATION][*MAGNITUDE], "
            "such as checkout:latency@5m+2m*3"
        )
    try:
        kind = IncidentKind(match["kind"])
    except ValueError:
        raise Misconfigured(f"{match['kind']!r} is no kind of incident: {', '.join(IncidentKind)}") from None
    try:
        magnitude = float(match["magnitude"]) if match["magnitude"] else DEFAULT_MAGNITUDE[kind]
    except ValueError:
        raise Misconfigured(f"{match['magnitude']!r} in {spec!r} is no number") from None
    lasts_s = duration_s(match["duration"]) if match["duration"] else float("inf")
    return Incident(match["service"], kind, duration_s(match["start"]), lasts_s, magnitude, match["instance"])


def label_windows(
    incidents: Iterable[Incident], instances: Mapping[str, Sequence[str]], start_ns: int, end_ns: int
) -> list[LabelWindow]:
    """Abnormal time ranges by entity (`service/instance`) between `start_ns`, the simulation's start, and `end_ns`.

    Level shifts (a new normal) and silences (nothing to score) are not among them.
    """
    windows = []
    for incident in incidents:
        first_ns = start_ns + round(incident.start_s * SECOND_NS)
        if incident.kind in _UNLABELLED or first_ns >= end_ns:
            continue
        last_ns = (
            end_ns if incident.end_s == float("inf") else min(end_ns, start_ns + round(incident.end_s * SECOND_NS))
        )
        for instance in instances.get(incident.service, ()):
            if incident.instance in (None, instance):
                windows.append(LabelWindow(f"{incident.service}/{instance}", first_ns, last_ns))
    return sorted(windows, key=lambda window: (window.entity, window.start_ns))
