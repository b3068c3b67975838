"""From a stream of scores to episodes: when an episode opens, how it is held, when it is over.

Suppression lives here and nowhere else: the stored score stays what it is.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from models.compiled import compiled
from models.state.fields import I1, I4, I8

NONE, OPENED, GOING_ON, CLOSED, FADED, PENDING, BEGUN, PASSED = 0, 1, 2, 3, 4, 5, 6, 7
"""An episode opens with an alert, and is closed with its end. One of which it is not certain that it is worth an alert
has begun without one: it opens later, or has passed."""

CERTAIN, UNCERTAIN = 1, 2
"""What an entity remembers of its episode; 0 without one."""


class EpisodeRow(Protocol):
    """An entity's episode.

    Attributes:
        episode_certainty: `CERTAIN`, `UNCERTAIN`, 0 without one.
        episode_pending_rows: anomalous rows so far of one that has not opened.
        episode_quiet_rows: calm rows since the last anomalous one. episode_since_ns: first anomalous row.
    """

    episode_certainty: I1
    episode_pending_rows: I4
    episode_quiet_rows: I4
    episode_since_ns: I8


class EpisodeEntity(EpisodeRow, Protocol):
    """And how many of its rows have been scored."""

    threshold_n: float


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
def advance(entity: EpisodeEntity, score: float, certain: bool, tick_ns: int, rules: EpisodeRules) -> int:
    """Phase of the entity after a row with this score; `since_ns` is the episode's first anomalous row.

    Args:
        certain: whether the row, if it is anomalous, is worth an alert.
    """
    if entity.episode_certainty:
        entity.episode_quiet_rows = 0 if score > rules.hold_score else entity.episode_quiet_rows + 1
        if entity.episode_quiet_rows >= rules.close_rows:
            return _end(entity)
        if entity.episode_certainty == UNCERTAIN and certain and score > 1.0:
            entity.episode_certainty = CERTAIN
            return OPENED
        return GOING_ON
    if score <= 1.0:
        if entity.episode_pending_rows == 0:
            return NONE
        entity.episode_quiet_rows += 1
        if entity.episode_quiet_rows <= rules.gap_rows:
            return PENDING
        entity.episode_pending_rows = 0
        return FADED
    if entity.episode_pending_rows == 0:
        entity.episode_since_ns = tick_ns
    entity.episode_pending_rows += 1
    entity.episode_quiet_rows = 0
    if entity.threshold_n < rules.ready_rows or (
        entity.episode_pending_rows < rules.min_rows and score < rules.at_once
    ):
        return PENDING
    entity.episode_certainty = CERTAIN if certain else UNCERTAIN
    return OPENED if certain else BEGUN


@compiled
def fall_silent(entity: EpisodeEntity) -> int:
    """Phase of an entity that has nothing more to say: its episode is over, for nobody could tell otherwise."""
    if entity.episode_certainty:
        return _end(entity)
    phase = FADED if entity.episode_pending_rows > 0 else NONE
    entity.episode_pending_rows, entity.episode_quiet_rows = 0, 0
    return phase


@compiled
def _end(entity: EpisodeEntity) -> int:
    """The phase that an episode ends in."""
    phase = CLOSED if entity.episode_certainty == CERTAIN else PASSED
    entity.episode_certainty, entity.episode_pending_rows, entity.episode_quiet_rows = 0, 0, 0
    return phase
