"""From surprise to a score: scalar rules, each a function of numbers alone.

1 is where a row is an alarm for its entity. Below, `hold` is where it holds an episode.
"""

from __future__ import annotations

from models.compiled import compiled

HOLDING_NATS = 18.0
"""Evidence, level included, that holds an episode: two detectors of five nats each, and as much in the rows before."""

UNHELD = 0.9
"""Share of `HELD_SCORE` that is less than an episode's `hold_score`."""

HELD_SCORE = 0.75
"""Highest score of a row without an onset, however far from normal: above the episode's `hold_score`, below 1."""

BELOW, MARGIN = 0.98, 1e-3
"""Scores below 0.98 and above 1.001 are severities alone. Between them lie the rows that are severe in general but
not for their entity, up to 1, and those that are severe for their entity but not in general, above it."""

MOST_DEPARTED = 5.0
"""Score up to which farther is worse."""


@compiled
def onset_score(severity: float, alarm: bool) -> float:
    """The score: in the order of severity, on the side of 1 that the entity's own threshold says."""
    if alarm:
        return severity if severity > 1.0 + MARGIN else 1.0 + MARGIN * severity / (1.0 + MARGIN)
    return BELOW * severity if severity < 1.0 else 1.0 - (1.0 - BELOW) / severity


@compiled
def model_score(surprise_nats: float, target: float, model_threshold: float, hold: float) -> float:
    """The score of a row by its model: 1 where it is an alarm for its entity, `hold` where an episode is held, which is
    so
    by what the nats mean in general: that much has been said of the entity before does not make an episode over."""
    if surprise_nats >= model_threshold:
        return surprise_nats / model_threshold
    held = hold * min(target, model_threshold)
    return (
        hold * surprise_nats / held
        if surprise_nats <= held
        else hold + (1.0 - hold) * (surprise_nats - held) / (model_threshold - held)
    )


@compiled
def held_score(level_nats: float, hold: float) -> float:
    """The score of a row far from normal without an onset: `hold` where it holds an episode, `HELD_SCORE` at most."""
    return (
        hold * level_nats / HOLDING_NATS
        if level_nats <= HOLDING_NATS
        else HELD_SCORE - (HELD_SCORE - hold) * HOLDING_NATS / level_nats
    )


@compiled
def with_departure(score: float, departed: float, is_open: bool, hold: float) -> float:
    """The score with what departs from usual: from 1 on an alarm, from `hold` on it holds an episode that is open. What
    holds one is no alarm anew: it lies between `hold` and 1, the farther the higher."""
    if is_open and departed >= hold:
        return max(score, hold + (BELOW - hold) * (0.1 + 0.9 * min(departed / MOST_DEPARTED, 1.0)))
    return max(score, min(departed, MOST_DEPARTED)) if departed >= 1.0 else score
