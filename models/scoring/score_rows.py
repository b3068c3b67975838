"""Rows to calibrated anomaly scores: one compiled loop in row order; every row is scored before it is learnt.

Three kinds of evidence, in nats. The departure: how far a series is from what is usual at this hour of its week, told
each time anew. The onset: how new the values of the entity's series are, which `alert_threshold` turns into the
surprise of an event. The level: how far the row is from normal as a whole, by the service's model. The largest, over
the surprise that the false-alarm rate asks for, is the score; the entity's own threshold decides the side of 1 on which
it lies. Rows that are none of it rank below 1, by all that the detectors for one series find.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from models.detectors import hour_of_day, novelty, residual
from models.detectors.departure import departure
from models.detectors.novelty import SUSTAINED
from models.drift import frame
from models.scoring import alert_threshold, entity_calibration, fusion
from models.scoring.episode_rules import advance, fall_silent
from models.scoring.evidence import (
    interval_s,
    least_of_newest,
    median_value,
    row_evidence,
    rows_to_last,
    share_left,
    sustained,
    with_mean_evidence,
    with_mean_surprise,
)
from models.scoring.explain import fill_bands, fill_causes
from models.scoring.scores import (
    CALIBRATED,
    PROVISIONAL,
    WARMING_UP,
    RowQuestion,
    ScoredEntity,
    ScoredSeries,
    Scores,
    ScoringRules,
    SeriesEvidence,
    empty_scores,
    selected_scores,
)
from models.service_model.ask import ModelOutput
from models.state.rows import Rows
from models.state.tables import Tables

__all__ = ["CALIBRATED", "PROVISIONAL", "WARMING_UP", "Scores", "ScoringRules", "score_rows", "selected_scores"]

FIRST_SCORE_ROWS = 10

CALIBRATED_S, CALIBRATED_ROWS = 86_400.0, 250
"""A day, so that the hours of the day are known, and rows enough to have seen what is rare."""

SETTLING_S = 604_800.0
"""For this long an entity of several series is settling: all of them are new at once, and its model has learnt too
little of what wanders for hours. What the model alone finds is an incident as ever, but no alert before it has lasted
for `SUSTAINED` rows: without that, quiet entities of 38 metrics had 1.6 alerts in a first week where 1 is asked."""

SETTLING_DEPARTED = 1.5
"""How far a series of several has to depart in that week to be worth an alert by itself."""

ONSET_WEIGHT_NATS = 2.0
"""Nats that the onset of its series (the logarithm of their score) adds to the surprise of a row by its model. The
model is calibrated on days without incidents and its surprise grows without bound; an onset in one of many series
orders what the model finds about equally surprising. Between 1 and 4 the benchmark stays within .02."""

CLEAR_NATS = 2.0
"""How much more than the false-alarm rate asks for a departure has to surprise: it alarms each time anew, so it has to
be one that anybody would call so. A band is narrower by as much, and by what alarms have moved the threshold: that
alarms are dear does not make more usual."""

ABSENT_S, ABSENT_ROWS = 14_400.0, 20.0
"""How long a metric has to be missing for that to be usual: some hours, and not after a few rows."""


class Job(NamedTuple):
    """Rows, what their services' models say of them, and the rules."""

    rows: Rows
    model_output: ModelOutput
    rules: ScoringRules


def score_rows(tables: Tables, rows: Rows, model_output: ModelOutput, rules: ScoringRules) -> Scores:
    """Score and learn rows in order; changes the tables."""
    out = empty_scores(len(rows.entity), len(rows.series))
    _score_all(tables, Job(rows, model_output, rules), out)
    return out


@compiled
def _score_all(tables: Tables, job: Job, out: Scores) -> None:
    rows = job.rows
    for row in range(rows.entity.shape[0]):
        entity: ScoredEntity = tables.entities[rows.entity[row]]
        if rows.start[row] == rows.start[row + 1]:
            out.since_ns[row], out.learnt[row] = entity.episode_since_ns, entity.threshold_n
            out.phase[row] = fall_silent(entity)
            _forget_newest(tables, entity)
            continue
        _score(tables, job, row, out)


@compiled
def _forget_newest(tables: Tables, entity: ScoredEntity) -> None:
    """After a silence the values before it say nothing of those that come."""
    number = entity.link_first
    while number >= 0:
        series: ScoredSeries = tables.series[number]
        series.score_newest_values[:] = np.nan
        number = series.link_next


@compiled
def _asked(tables: Tables, rows: Rows, row: int, rules: ScoringRules) -> RowQuestion:
    """What a row is asked, by its entity's interval and threshold."""
    entity: ScoredEntity = tables.entities[rows.entity[row]]
    every_s = interval_s(rows, row)
    target = -math.log(alert_threshold.alarm_probability(rules.alerts_per_entity_week, every_s))
    factor = tables.thresholds[entity.link_service]
    series = rows.start[row + 1] - rows.start[row]
    band_nats = factor * (target + math.log(series / alert_threshold.units(every_s)))
    alarm_nats = band_nats + factor * (max(entity.threshold_offset_nats, 0.0) + CLEAR_NATS)
    return RowQuestion(row, int(series), every_s, rows_to_last(every_s), target, factor, band_nats, alarm_nats)


class Nats(NamedTuple):
    """Surprise of a row by its model, 0 without one; evidence of its series with its mean; what its model lacks of a
    day."""

    model: float
    level: float
    youth: float


@compiled
def _judge(
    entity: ScoredEntity, asked: RowQuestion, found: SeriesEvidence, nats: Nats, hold: float
) -> tuple[float, bool]:
    """The row's score, and whether it is worth an alert where it is anomalous; its threshold learns from it."""
    target, factor, n_series = asked.target_nats, asked.factor, asked.n_series
    probability, n_units = math.exp(-target), alert_threshold.units(asked.interval_s)
    # of a single series a model knows the level only
    by_model = nats.model > 0.0 and n_series > 1
    surprise_nats = (
        alert_threshold.surprise(entity, found.onset, 1) if alert_threshold.is_event(entity, found.onset) else 0.0
    )
    entity_threshold = factor * alert_threshold.threshold(entity, probability)
    is_certain = True
    if n_series > 1 and entity.threshold_n * asked.interval_s < SETTLING_S:
        is_certain = (
            surprise_nats >= entity_threshold
            and alert_threshold.surprise(entity, found.onset, n_series) >= entity_threshold
        )
    score = fusion.onset_score(surprise_nats / (factor * target), surprise_nats >= entity_threshold)
    onset_nats = ONSET_WEIGHT_NATS * math.log1p(found.onset)
    if by_model:
        # calibrated on a past that it has learnt from, a model says more of an entity than it means: an alarm is only
        # what stands out among what it has said so far
        general_threshold = alert_threshold.model_threshold(entity, probability)
        model_threshold = entity_calibration.entity_threshold(entity, general_threshold, nats.youth)
        model_score = fusion.model_score((nats.model + onset_nats) / factor, target, model_threshold, hold)
        is_certain = is_certain or least_of_newest(entity, SUSTAINED) + onset_nats >= factor * model_threshold
        # an onset in one of many series counts where it is an alarm; it would drown the order of the rest
        score = max(model_score, score if score > 1.0 else 0.0)
    elif score <= 1.0 and fusion.BELOW * surprise_nats <= fusion.HELD_SCORE * target:
        # no onset to speak of; an episode is held by what departs from usual, other evidence orders rows
        score = fusion.held_score(nats.level, hold) / factor * (fusion.UNHELD if found.is_judged else 1.0)
    score = fusion.with_departure(score, found.departed, entity.episode_certainty > 0, hold)
    is_certain = is_certain or found.departed >= SETTLING_DEPARTED
    alarm = score > 1.0
    if not by_model and not alarm:
        alert_threshold.wait(entity, surprise_nats, probability, n_units)
    alert_threshold.learn(entity, found.onset, alarm, probability, n_units)
    if by_model and entity.threshold_alarm_rows == 0:
        entity_calibration.learn(entity, nats.model + onset_nats)
    return score, is_certain


@compiled
def _score(tables: Tables, job: Job, row: int, out: Scores) -> None:
    """Score and learn one row."""
    rows, model_output, rules = job.rows, job.model_output, job.rules
    asked = _asked(tables, rows, row, rules)
    entity: ScoredEntity = tables.entities[rows.entity[row]]
    found = row_evidence(tables, rows, asked, out)
    left = share_left(tables, rows, asked, model_output.share, out)
    lasting_nats = sustained(
        entity, with_mean_surprise(entity, left * model_output.surprise_nats[row]), asked.lasting_rows
    )
    level_nats = with_mean_evidence(entity, found.level)
    is_certain = True
    if entity.threshold_n >= FIRST_SCORE_ROWS:
        known = entity.threshold_n >= CALIBRATED_ROWS and entity.threshold_n * asked.interval_s >= CALIBRATED_S
        out.readiness[row] = CALIBRATED if known else PROVISIONAL
        nats = Nats(lasting_nats, level_nats, model_output.youth[row])
        out.score[row], is_certain = _judge(entity, asked, found, nats, rules.episode.hold_score)
    alert_threshold.count(entity, alert_threshold.units(asked.interval_s))
    fill_causes(rows, row, model_output.share, lasting_nats, out)
    fill_bands(tables, rows, asked, rules.episode.hold_score, out)
    out.phase[row] = advance(entity, out.score[row], is_certain, rows.tick_ns[row], rules.episode)
    out.since_ns[row], out.learnt[row] = entity.episode_since_ns, entity.threshold_n
    _learn_cells(tables, rows, asked, rules, out)
    entity.latest_tick_ns, entity.latest_score = rows.tick_ns[row], out.score[row]


@compiled
def _learn_cells(tables: Tables, rows: Rows, asked: RowQuestion, rules: ScoringRules, out: Scores) -> None:
    """Take a row's values into their series, and fill what drift sees of them."""
    row, lasting_rows = asked.row, asked.lasting_rows
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        value = rows.value[cell]
        out.drift[cell] = frame.framed(series, value)
        median = median_value(series, value, lasting_rows)
        missing_rows = int(min(max(ABSENT_S / asked.interval_s, ABSENT_ROWS), rules.rebaseline_rows))
        residual.learn(series, median, out.level_score[cell], rules.rebaseline_rows, missing_rows)
        if np.isnan(median):
            continue
        if lasting_rows == SUSTAINED and rows.interval_ns[row] > 0:
            novelty.learn_swing(series, series.score_newest_values[SUSTAINED - 2])
        novelty.learn_seen(series, median, rows.tick_ns[row])
        hour_of_day.learn(series, median, rows.tick_ns[row])
        departure.learn(series, median, rows.tick_ns[row], asked.alarm_nats)
        series.score_newest_values[1], series.score_newest_values[0] = series.score_newest_values[0], value
