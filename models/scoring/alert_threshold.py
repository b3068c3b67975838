"""Onset score of an event to surprise in nats, and the threshold that keeps to the false-alarm rate asked for.

An event is a row whose onset score is above those just before it, so that a run of anomalous rows is one. How probable
one so high is in normal operation is the posterior mean of a Dirichlet process (Ferguson, "A Bayesian Analysis of Some
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
from typing import Annotated, Protocol

from models.compiled import compiled
from models.scoring.episode_rules import EpisodeRow
from models.state.fields import F8, I1, I4, Field, Floats
from models.state.tables import EntityLinks

EVENT_BINS = 64
"""Bins of the onset scores of an entity's past events."""

PEAK_BLOCKS = 5
"""Blocks of rows whose strongest row is remembered; see `BLOCK_ROWS`."""

WEEK_S = 604_800.0

UNIT_S = 60.0

LONGEST_UNIT_S = 300.0
"""Rows of longer intervals are judged as if they were of this one: of an hourly metric, one in 168 would be an alert a
week, and one in 168 is not strange."""

PRIOR_UNITS = 5_000.0
"""Units that the general tail counts for; 2,000 cost the public benchmark two points, 8,000 change nothing."""

PRIOR_NATS, NATS_PER_ONSET = 5.85, 0.33
"""The general tail: surprise of any event at all, and what each nat of its onset score adds. Fitted to the events of
the tuning half of the public benchmark, incidents included."""

FADE_UNITS = 5_000.0
"""From here on the general tail fades, with the square of time: half a week of minutes."""

EARLY_ROWS = 500.0
"""The n-th value is a record with probability 2/n: young entities have more events, in proportion to this over n."""

CROWDED_ROWS = 100.0
"""The same of entities of several series, any of which may have one far from a range known from n values only: as often
as there are series, in proportion to the square of this over n."""

MEMORY_UNITS = 20_000.0
"""Two weeks of minutes, after which an event counts a third."""

LARGEST_ONSET = 400.0
"""Onset score from which events are counted together; below, the bins of past events are as wide as the score itself
divided by ten."""

BLOCK_ROWS = 20
"""Rows of a block; an event is above everything in the newest `PEAKS` blocks, 80 to 100 rows."""

ALARM_ROWS = 10
"""Rows without an alarm after which the next one is another alarm."""

STEP_NATS = 1.0
"""How far an alarm moves the threshold. 0.5 takes twice as long to reach the rate, 2 costs a point of the benchmark."""

MOST_NATS = 3.0
"""How far alarms move the threshold up at most: many incidents must not make an entity deaf."""

MOST_MODEL_NATS = 4.0
"""The same for a row by its model, whose surprise grows with the distance and without bound: faults have tens of
nats."""

FAR_NATS = 2.0
"""How far below the threshold the most surprising row of a silence lies where the threshold comes down to it at once:
rarely for a series that goes on having onsets, whose rate is right without. Without it, at 1 and at 1.5, alarms on
single quiet series are 1.05 and .91 of 1 asked, at 2 .87; the public benchmark loses 1.3, 1.5 and .2 points by it."""

LEAST_NATS = 1.0
"""The lowest threshold: below it nothing is out of the ordinary."""


class ThresholdRow(Protocol):
    """What an entity's events were like, and how far its threshold has moved.

    Attributes:
        threshold_n, threshold_units: rows scored, and units of time in them.
        threshold_events: past events by onset score. threshold_peaks: highest onset score of the newest blocks of rows.
        threshold_alarm_onset: highest onset score of the run of alarms that goes on. threshold_alarm_rows: rows until
            that run is over, 0 without one. threshold_alarm_is_new: 1 where it began outside of an episode.
        threshold_offset_nats: how far the threshold has moved.
        threshold_quiet_alarms, threshold_quiet_nats: since the last alarm, or since the threshold came down: false
            alarms allowed, and the largest surprise.
    """

    threshold_n: F8
    threshold_units: F8
    threshold_events: Annotated[Floats, Field("f8", (EVENT_BINS,))]
    threshold_peaks: Annotated[Floats, Field("f8", (PEAK_BLOCKS,))]
    threshold_alarm_onset: F8
    threshold_offset_nats: F8
    threshold_alarm_rows: I4
    threshold_alarm_is_new: I1
    threshold_quiet_alarms: F8
    threshold_quiet_nats: F8


class ThresholdEntity(ThresholdRow, EpisodeRow, EntityLinks, Protocol):
    """And whether it is in an episode, and how many series it has."""


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
def is_event(entity: ThresholdEntity, onset: float) -> bool:
    """Whether a row's onset score is above those just before it."""
    for peak in entity.threshold_peaks:
        if onset <= peak:
            return False
    return onset > 0.0


@compiled
def surprise(entity: ThresholdEntity, onset: float, n_series: int) -> float:
    """Nats of surprise of an event of this onset score, in a row of so many series."""
    early = (
        1.0
        + EARLY_ROWS / (entity.threshold_n + 1.0)
        + (n_series - 1) * (CROWDED_ROWS / (entity.threshold_n + 1.0)) ** 2
    )
    prior = min(1.0, math.exp(-PRIOR_NATS - NATS_PER_ONSET * onset) * early)
    weight = PRIOR_UNITS
    if entity.threshold_units > FADE_UNITS:
        weight *= (FADE_UNITS / entity.threshold_units) ** 2
    position = _bin_position(onset)
    own_bin = int(position)
    # of the events in its own bin, those in the part above it
    exceeding = entity.threshold_events[own_bin] * (own_bin + 1.0 - position)
    for k in range(own_bin + 1, EVENT_BINS):
        exceeding += entity.threshold_events[k]
    seen = MEMORY_UNITS * (1.0 - math.exp(-entity.threshold_units / MEMORY_UNITS))
    return float(max(-math.log(min((weight * prior + exceeding) / (weight + seen), 1.0)), 0.0))


@compiled
def _bin_position(onset: float) -> float:
    """Where an onset score lies among the bins, 0 to just below `EVENT_BINS`."""
    share = math.log1p(min(onset, LARGEST_ONSET)) / math.log1p(LARGEST_ONSET)
    return min(share * EVENT_BINS, EVENT_BINS - 1e-6)


@compiled
def threshold(entity: ThresholdEntity, probability: float) -> float:
    """Surprise from which the onset of a row makes it anomalous, nats."""
    return float(max(min(entity.threshold_offset_nats, MOST_NATS) - math.log(probability), LEAST_NATS))


@compiled
def model_threshold(entity: ThresholdEntity, probability: float) -> float:
    """The same of a row by its model."""
    return float(max(entity.threshold_offset_nats - math.log(probability), LEAST_NATS))


@compiled
def wait(entity: ThresholdEntity, surprise_nats: float, probability: float, n_units: float) -> None:
    """Take in a row without an alarm: where none of as many as one alarm is allowed in came near the threshold, it
    comes down to the most surprising of them.

    A series of a few distinct values has nothing new to say after a while, and all that it says stays farther below
    the usual threshold than that comes down in a month.
    """
    entity.threshold_quiet_alarms += probability * n_units
    entity.threshold_quiet_nats = max(entity.threshold_quiet_nats, surprise_nats)
    if entity.threshold_quiet_alarms < 1.0:
        return
    quiet_offset_nats = entity.threshold_quiet_nats + math.log(probability)
    if entity.threshold_quiet_nats > 0.0 and entity.threshold_offset_nats - quiet_offset_nats > FAR_NATS:
        entity.threshold_offset_nats = quiet_offset_nats
    entity.threshold_quiet_alarms, entity.threshold_quiet_nats = 0.0, 0.0


@compiled
def learn(entity: ThresholdEntity, onset: float, alarm: bool, probability: float, n_units: float) -> None:
    """Take a row into the entity's past, and move the threshold.

    A run of alarms counts once, by its highest onset score, and moves the threshold once, when it is over: not under
    the incident's feet. One that begins in an open episode raises no alert, and does not move it."""
    if alarm:
        entity.threshold_quiet_alarms, entity.threshold_quiet_nats = 0.0, 0.0
        if entity.threshold_alarm_rows == 0:
            entity.threshold_alarm_is_new = entity.episode_certainty == 0
        entity.threshold_alarm_rows = ALARM_ROWS
        entity.threshold_alarm_onset = max(entity.threshold_alarm_onset, onset)
    elif entity.threshold_alarm_rows > 0:
        entity.threshold_alarm_rows -= 1
        if entity.threshold_alarm_rows == 0:
            entity.threshold_events[int(_bin_position(entity.threshold_alarm_onset))] += 1.0
            entity.threshold_alarm_onset = 0.0
            if entity.threshold_alarm_is_new:
                most_nats = MOST_MODEL_NATS if entity.link_n_series > 1 else MOST_NATS
                entity.threshold_offset_nats = min(entity.threshold_offset_nats + STEP_NATS, most_nats)
    elif is_event(entity, onset):
        entity.threshold_events[int(_bin_position(onset))] += 1.0
    if entity.threshold_alarm_rows == 0:
        entity.threshold_offset_nats = max(
            entity.threshold_offset_nats - STEP_NATS * probability * n_units, math.log(probability) + LEAST_NATS
        )
    entity.threshold_peaks[0] = max(entity.threshold_peaks[0], onset)


@compiled
def count(entity: ThresholdEntity, n_units: float) -> None:
    """Count a row, and let the past fade."""
    entity.threshold_n += 1.0
    entity.threshold_units += n_units
    if int(entity.threshold_n) % BLOCK_ROWS == 0:
        for k in range(PEAK_BLOCKS - 1, 0, -1):
            entity.threshold_peaks[k] = entity.threshold_peaks[k - 1]
        entity.threshold_peaks[0] = 0.0
        entity.threshold_events *= math.exp(-BLOCK_ROWS * n_units / MEMORY_UNITS)
