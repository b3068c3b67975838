"""What is known about past data: the time ranges in which an entity was abnormal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class LabelWindow:
    """A time range in which an entity is known to be abnormal, ends included; nanoseconds since the epoch."""

    entity: str
    start_ns: int
    end_ns: int


class IncidentWindow(NamedTuple):
    """When an entity was not itself: `start_ns <= tick < end_ns`. An empty entity means all of the service.

    A suspected one is an alarm that no SLO's page and no person has confirmed. It is not learnt as normal, but no model
    is held against it: one with false alarms could only be followed by its like.
    """

    entity: str
    start_ns: int
    end_ns: int
    suspected: bool = False
