"""Strength of an event to surprise in nats, and the threshold that keeps to the false-alarm rate asked for.

An event is a row stronger than the rows just before it, so that a run of odd rows is one. How probable one this
strong is in normal operation is the posterior mean of a Dirichlet process (Ferguson, "A Bayesian Analysis of Some
Nonparametric Problems", Annals of Statistics 1, 1973): a tail that holds for metrics in general, and what this entity
has shown itself, which outweighs it with time. Where that leaves a rate other than the one asked for, the threshold
moves: up by a step with every alarm, down by as much in the time in which one is allowed (Gibbs and Candes, "Adaptive
Conformal Inference Under Distribution Shift", NeurIPS 2021), which makes the rate right in the long run whatever the
distribution; and down at once to what a silence of that length held where that is far below it.

Time is counted in units, a row or a minute, whichever is longer: rows of one second are not sixty chances a minute to
be wrong, because what they tell changes no faster than that.
"""

from __future__ import annotations

import math

from models.compiled import compiled
from models.state.tables import PEAKS, STRENGTHS, Table

WEEK_S = 604_800.0

UNIT_S = 60.0

LONGEST_UNIT_S = 300.0
"""Rows of longer intervals are judged as if they were of this one: of an hourly metric, one in 168 would be an alert a
week, and one in 168 is not strange."""

PRIOR_UNITS = 5_000.0
"""Units that the general tail counts for; 2,000 cost the public benchmark two points, 8,000 change nothing."""

PRIOR_NATS, NATS_PER_STRENGTH = 5.85, 0.33
"""The general tail: surprise of any event at all, and what each nat of strength adds. Fitted to the events of the
tuning half of the public benchmark, incidents included."""

FADE_UNITS = 5_000.0
"""From here on the general tail fades, with the square of time: half a week of minutes."""

EARLY_ROWS = 500.0
"""The n-th value is a record with probability 2/n: young entities have more events, in proportion to this over n."""

CROWDED_ROWS = 100.0
"""The same of entities of several series, any of which may have one far from a range known from n values only: as often
as there are series, in proportion to the square of this over n."""

MEMORY_UNITS = 20_000.0
"""Two weeks of minutes, after which an event counts a third."""

STRONGEST = 400.0
"""Strength from which events are counted together; below, the bins of past events are as wide as the strength itself
divided by ten."""

BLOCK_ROWS = 20
"""Rows of a block; an event is stronger than everything in the newest `PEAKS` blocks, 80 to 100 rows."""

ALARM_ROWS = 10
"""Rows without an alarm after which the next one is another alarm."""

STEP_NATS = 1.0
"""How far an alarm moves the threshold. 0.5 takes twice as long to reach the rate, 2 costs a point of the benchmark."""

MOST_NATS = 3.0
"""How far alarms move the threshold up at most: many incidents must not make an entity deaf."""

MOST_JOINT_NATS = 4.0
"""The same for a row as a whole, whose surprise grows with the distance and without bound: faults have tens of nats."""

FAR_NATS = 2.0
"""How far below the threshold the most surprising row of a silence lies where the threshold comes down to it at once:
rarely for a series that goes on having news, whose rate is right without. Without it, at 1 and at 1.5, alarms on single
quiet series are 1.05 and .91 of 1 asked, at 2 .87; the public benchmark loses 1.3, 1.5 and .2 points by it."""

LEAST_NATS = 1.0
"""The lowest threshold: below it nothing is out of the ordinary."""


@compiled
def units(interval_s: float) -> float:
    """Units that one row is."""
    return min(interval_s / UNIT_S, 1.0)


@compiled
def alarm_probability(alerts_per_entity_week: float, interval_s: float) -> float:
    """Probability of a false alarm in a unit at the rate asked for.

    >>> round(-math.log(alarm_probability(1.0, 60.0)), 2)
    9.22
    """
    unit_s = min(max(interval_s, UNIT_S), LONGEST_UNIT_S)
    return float(min(max(alerts_per_entity_week * unit_s / WEEK_S, 1e-8), 0.02))


@compiled
def is_event(entity: Table, strength: float) -> bool:
    """Whether a row is stronger than those just before it."""
    for peak in entity.peaks:
        if strength <= peak:
            return False
    return strength > 0.0


@compiled
def surprise(entity: Table, strength: float, n_series: int) -> float:
    """Nats of surprise of an event of this strength, in a row of so many series."""
    early = 1.0 + EARLY_ROWS / (entity.n + 1.0) + (n_series - 1) * (CROWDED_ROWS / (entity.n + 1.0)) ** 2
    prior = min(1.0, math.exp(-PRIOR_NATS - NATS_PER_STRENGTH * strength) * early)
    weight = PRIOR_UNITS
    if entity.units > FADE_UNITS:
        weight *= (FADE_UNITS / entity.units) ** 2
    place = _place(strength)
    here = int(place)
    # of the events in its own bin, those in the part above it
    stronger = entity.events[here] * (here + 1.0 - place)
    for k in range(here + 1, STRENGTHS):
        stronger += entity.events[k]
    seen = MEMORY_UNITS * (1.0 - math.exp(-entity.units / MEMORY_UNITS))
    return float(max(-math.log(min((weight * prior + stronger) / (weight + seen), 1.0)), 0.0))


@compiled
def _place(strength: float) -> float:
    """Where a strength lies among the bins, 0 to just below `STRENGTHS`."""
    share = math.log1p(min(strength, STRONGEST)) / math.log1p(STRONGEST)
    return min(share * STRENGTHS, STRENGTHS - 1e-6)


@compiled
def threshold(entity: Table, probability: float) -> float:
    """Surprise from which the news of a row make it anomalous, nats."""
    return float(max(min(entity.offset, MOST_NATS) - math.log(probability), LEAST_NATS))


@compiled
def joint_threshold(entity: Table, probability: float) -> float:
    """The same of a row as a whole."""
    return float(max(entity.offset - math.log(probability), LEAST_NATS))


@compiled
def wait(entity: Table, nats: float, probability: float, n_units: float) -> None:
    """Take in a row without an alarm: where none of as many as one alarm is allowed in came near the threshold, it
    comes down to the most surprising of them.

    A series of a few distinct values has nothing new to say after a while, and all that it says stays farther below
    the usual threshold than that comes down in a month.
    """
    entity.waited += probability * n_units
    entity.loudest = max(entity.loudest, nats)
    if entity.waited < 1.0:
        return
    loudest = entity.loudest + math.log(probability)
    if entity.loudest > 0.0 and entity.offset - loudest > FAR_NATS:
        entity.offset = loudest
    entity.waited, entity.loudest = 0.0, 0.0


@compiled
def learn(entity: Table, strength: float, alarm: bool, probability: float, n_units: float) -> None:
    """Take a row into the entity's past, and move the threshold.

    A run of alarms counts once, by its strongest row, and moves the threshold once, when it is over: not under the
    incident's feet. One that begins in an open episode raises no alert, and does not move it.
    """
    if alarm:
        entity.waited, entity.loudest = 0.0, 0.0
        if entity.alarm_rows == 0:
            entity.anew = entity.episode == 0
        entity.alarm_rows = ALARM_ROWS
        entity.held = max(entity.held, strength)
    elif entity.alarm_rows > 0:
        entity.alarm_rows -= 1
        if entity.alarm_rows == 0:
            entity.events[int(_place(entity.held))] += 1.0
            entity.held = 0.0
            if entity.anew:
                most_nats = MOST_JOINT_NATS if entity.n_series > 1 else MOST_NATS
                entity.offset = min(entity.offset + STEP_NATS, most_nats)
    elif is_event(entity, strength):
        entity.events[int(_place(strength))] += 1.0
    if entity.alarm_rows == 0:
        entity.offset = max(entity.offset - STEP_NATS * probability * n_units, math.log(probability) + LEAST_NATS)
    entity.peaks[0] = max(entity.peaks[0], strength)


@compiled
def count(entity: Table, n_units: float) -> None:
    """Count a row, and let the past fade."""
    entity.n += 1.0
    entity.units += n_units
    if int(entity.n) % BLOCK_ROWS == 0:
        for k in range(PEAKS - 1, 0, -1):
            entity.peaks[k] = entity.peaks[k - 1]
        entity.peaks[0] = 0.0
        entity.events *= math.exp(-BLOCK_ROWS * n_units / MEMORY_UNITS)
