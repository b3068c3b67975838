"""What is known about past data: the time ranges in which an entity was abnormal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelWindow:
    """A time range in which an entity is known to be abnormal, ends included; nanoseconds since the epoch."""

    entity: str
    start_ns: int
    end_ns: int
