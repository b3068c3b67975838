"""What becomes of an open request for a model: trained, ended, or waiting. Live queue and backtest decide alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from models.reasons import RetrainReason, RetrainStep, TrainingOutcome
from models.training.triggers import CHANGED

LAKE_WAIT_S: Final = 5.0
LAKE_WAITS: Final = 12
"""Samples reach the lake `lake_flush_s` after their scores; a minute covers a slow disk. Then the lake has a gap."""

INCIDENT_WAIT_S: Final = 15.0
"""How often it is looked whether a service that pages has calmed down, so that its change may be learnt."""

MOST_CRASHES: Final = 3
"""A process may die with its machine's memory once or twice; three times is a defect that repeating does not mend."""

ENDS: Final = frozenset({RetrainStep.SEEN_BY_LAST_TRAINING, RetrainStep.HAS_CHAMPION, RetrainStep.KEEPS_CRASHING})
"""Steps that end a request without a training that took place."""


class Asked(NamedTuple):
    """A request as far as its next step depends on it; `asked_ns` is the event time of its evidence, nanoseconds."""

    reason: RetrainReason
    asked_ns: int


@dataclass(frozen=True, slots=True)
class LastTraining:
    """The newest training of a service that took place.

    Attributes:
        finished_ns: when it ended, on the clock that `now_ns` of the next step is on.
        trained_to_ns: the newest event time that it saw.
    """

    id: str
    finished_ns: int
    trained_to_ns: int


class Step(NamedTuple):
    """What to do with a request, and until when it waits, nanoseconds; None where it does not."""

    reason: RetrainStep
    until_ns: int | None = None

    @property
    def ends(self) -> bool:
        """Whether the request is over."""
        return self.reason in ENDS


def next_step(
    request: Asked, last: LastTraining | None, *, has_champion: bool, paging: bool, now_ns: int, cooldown_s: float
) -> Step:
    """The next step of an open request.

    What a person asks for waits for nothing but an incident. A request that the last training has answered is over, as
    is one for a first model where there is one. A change is not learnt while the service pages: it may be the incident.

    Args:
        last: the service's newest training; None before the first.
        has_champion: whether the service has a model.
        paging: whether an SLO of the service pages at present.
        cooldown_s: shortest time between two trainings of one service.
    """
    if request.reason is not RetrainReason.REQUESTED:
        if last is not None and last.trained_to_ns >= request.asked_ns:
            return Step(RetrainStep.SEEN_BY_LAST_TRAINING)
        if request.reason is RetrainReason.COLD_START and has_champion:
            return Step(RetrainStep.HAS_CHAMPION)
        if last is not None and (ready_ns := last.finished_ns + int(cooldown_s * 1e9)) > now_ns:
            return Step(RetrainStep.COOLING_DOWN, ready_ns)
    if paging and request.reason in CHANGED:
        return Step(RetrainStep.PAGING, now_ns + int(INCIDENT_WAIT_S * 1e9))
    return Step(RetrainStep.TRAIN)


def after_training(
    request: Asked, outcome: TrainingOutcome, trained_to_ns: int | None, *, attempts: int, now_ns: int
) -> Step | None:
    """The next step of a request whose training ended; None where the outcome is the request's own.

    Args:
        trained_to_ns: the newest event time that the lake had; None where it had nothing.
        attempts: trainings of this request before this one.
    """
    behind = trained_to_ns is None or trained_to_ns < request.asked_ns
    if outcome is TrainingOutcome.TOO_LITTLE_DATA and behind and attempts < LAKE_WAITS:
        return Step(RetrainStep.LAKE_BEHIND, now_ns + int(LAKE_WAIT_S * 1e9))
    return None


def after_crash(crashes: int, now_ns: int) -> Step:
    """The next step of a request whose training died, for the `crashes`-th time."""
    if crashes >= MOST_CRASHES:
        return Step(RetrainStep.KEEPS_CRASHING)
    return Step(RetrainStep.CRASHED, now_ns + int(LAKE_WAIT_S * 1e9))
