"""From a stream of scores to incidents: when an episode opens, how it is held, when it is over.

Suppression lives here and nowhere else: the stored score stays what it is.
"""

from __future__ import annotations

from typing import NamedTuple

from models.compiled import compiled
from models.state.tables import Table

NONE, OPENED, GOING_ON, CLOSED, FADED, PENDING, BEGUN, PASSED = 0, 1, 2, 3, 4, 5, 6, 7
"""An episode opens with an alert, and is closed with its end. One of which it is not certain that it is worth an alert
has begun without one: it opens later, or has passed."""

CERTAIN, UNCERTAIN = 1, 2
"""What an entity remembers of its episode; 0 without one."""


class EpisodeRules(NamedTuple):
    """Attributes:
    min_rows: anomalous rows before an episode opens, not more than `gap_rows` calm ones between two of them.
    at_once: a score from which the first anomalous row is enough: a chance of threshold probability to the power of it.
    gap_rows: calm rows after which anomalous rows that did not suffice are forgotten.
    hold_score: an open episode goes on while scores are above this: lower than 1, so it does not flap around the
        threshold.
    close_rows: rows at or below `hold_score` that end it.
    ready_rows: rows of an entity before any episode may open.
    """

    min_rows: int
    at_once: float
    gap_rows: int
    hold_score: float
    close_rows: int
    ready_rows: int


@compiled
def advance(entity: Table, score: float, certain: bool, tick_ns: int, rules: EpisodeRules) -> int:
    """Phase of the entity after a row with this score; `since_ns` is the episode's first anomalous row.

    Args:
        certain: whether the row, if it is anomalous, is worth an alert.
    """
    if entity.episode:
        entity.quiet = 0 if score > rules.hold_score else entity.quiet + 1
        if entity.quiet >= rules.close_rows:
            return _end(entity)
        if entity.episode == UNCERTAIN and certain and score > 1.0:
            entity.episode = CERTAIN
            return OPENED
        return GOING_ON
    if score <= 1.0:
        if entity.pending == 0:
            return NONE
        entity.quiet += 1
        if entity.quiet <= rules.gap_rows:
            return PENDING
        entity.pending = 0
        return FADED
    if entity.pending == 0:
        entity.since_ns = tick_ns
    entity.pending += 1
    entity.quiet = 0
    if entity.n < rules.ready_rows or (entity.pending < rules.min_rows and score < rules.at_once):
        return PENDING
    entity.episode = CERTAIN if certain else UNCERTAIN
    return OPENED if certain else BEGUN


@compiled
def fall_silent(entity: Table) -> int:
    """Phase of an entity that has nothing more to say: its episode is over, for nobody could tell otherwise."""
    if entity.episode:
        return _end(entity)
    phase = FADED if entity.pending > 0 else NONE
    entity.pending, entity.quiet = 0, 0
    return phase


@compiled
def _end(entity: Table) -> int:
    """The phase that an episode ends in."""
    phase = CLOSED if entity.episode == CERTAIN else PASSED
    entity.episode, entity.pending, entity.quiet = 0, 0, 0
    return phase
