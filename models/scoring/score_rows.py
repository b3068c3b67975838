"""Rows to calibrated anomaly scores: one compiled loop in row order; every row is scored before it is learnt.

Two kinds of evidence, in nats. The onset: how new the values of the entity's series are, which `alert_threshold` turns
into the surprise of an event. The level: how far the row is from normal as a whole, by the service's model. The
larger one, over the surprise that the false-alarm rate asks for, is the score; the entity's own threshold decides the
side of 1 on which it lies. A row that has been seen before but is far from normal ranks below 1, by all that the
detectors for one series find: an episode stays open while it lasts.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import hour_of_day, novelty, residual
from models.detectors.novelty import SUSTAINED
from models.drift import frame
from models.scoring import alert_threshold, entity_calibration
from models.scoring.episode_rules import EpisodeRules, advance, fall_silent
from models.service_model.ask import ModelOutput
from models.state.fields import F8, I8, Field, Floats
from models.state.rows import Rows
from models.state.tables import Tables

TOP = 3
"""Contributions kept per row."""

FIRST_SCORE_ROWS = 10

CALIBRATED_S, CALIBRATED_ROWS = 86_400.0, 250
"""A day, so that the hours of the day are known, and rows enough to have seen what is rare."""

SUSTAINED_S = 3.0
"""How long surprise has to last, at most `SUSTAINED` rows, and one row where rows are rarer than this. At one second a
single outlier (one failed request, a collection of garbage) is ordinary. Slower rows are means or states over longer
than that already."""

SETTLING_S = 604_800.0
"""For this long an entity of several series is settling: all of them are new at once, and its model has learnt too
little of what wanders for hours. What the model alone finds is an incident as ever, but no alert before it has lasted
for `SUSTAINED` rows: without that, quiet entities of 38 metrics had 1.6 alerts in a first week where 1 is asked."""

ONSET_PER_LEVEL_NAT, LEVEL_LIMIT_NATS = 0.002, 8.0
"""What each nat of a level detector adds to the onset score of a value, up to so many: next to nothing. It orders rows
that hold nothing new, so that the threshold finds some where the false-alarm rate leaves room; at 0.1 the public
benchmark loses four points."""

COMPANY_ONSET = 4.0
"""Onset score that any of a few series has now and then; what others than the highest have beyond counts half."""

ONSET_WEIGHT_NATS = 2.0
"""Nats that the onset of its series (the logarithm of their score) adds to the surprise of a row by its model. The
model is calibrated on days without incidents and its surprise grows without bound; an onset in one of many series
orders what the model finds about equally surprising. Between 1 and 4 the benchmark stays within .02."""

MODEL_LIMIT_NATS = 20.0
"""Nats of a row by its model that count for its causes: beyond, a small share of much would outweigh one series
alone."""

MEAN_ROWS = 10.0
"""Rows that an entity's level of surprise remembers. Onsets are found by a row, incidents held by the level: their sum
had .02 to .1 more VUS-PR than either on application servers, the same at 5."""

EVIDENCE_LIMIT_NATS = 12.0
"""Nats of a level detector that count as evidence: as much as the onset score of a value has, so that neither drowns
the other."""

HOLDING_NATS = 18.0
"""Evidence, level included, that holds an episode: two detectors of five nats each, and as much in the rows before."""

HELD_SCORE = 0.75
"""Highest score of a row without an onset, however far from normal: above the episode's `hold_score`, below 1."""

BAND_SCORE = 0.5
"""Scores up to which only the first cause's value and band are given."""

BELOW, MARGIN = 0.98, 1e-3
"""Scores below 0.98 and above 1.001 are severities alone. Between them lie the rows that are severe in general but
not for their entity, up to 1, and those that are severe for their entity but not in general, above it."""

WARMING_UP, PROVISIONAL, CALIBRATED = 0, 1, 2


class RecentValues(Protocol):
    """Newest values of a series, the newest first: a value of a fast series is the median of three."""

    score_newest_values: Annotated[Floats, Field("f8", (SUSTAINED - 1,))]


class RecentSurprise(Protocol):
    """Newest surprises of an entity by its service's model, the newest first, their exponential mean, and that of the
    level evidence where there is no model."""

    score_model_nats: Annotated[Floats, Field("f8", (SUSTAINED,))]
    score_model_mean_nats: F8
    score_level_mean_nats: F8


class LatestResult(Protocol):
    """Result of an entity's newest row: its tick, score, first cause (-1 none), and that series' value and band."""

    latest_tick_ns: I8
    latest_score: F8
    latest_cause: Annotated[int, Field("i4", start=-1)]
    latest_value: F8
    latest_expected: F8
    latest_lower: F8
    latest_upper: F8


class ScoredSeries(RecentValues, frame.DriftFrame, residual.ResidualSeries, novelty.NoveltySeries, Protocol):
    """A series, as scoring sees it."""


class ScoredEntity(
    RecentSurprise,
    LatestResult,
    alert_threshold.ThresholdEntity,
    entity_calibration.CalibrationRow,
    Protocol,
):
    """An entity, as scoring sees it."""


class ScoringRules(NamedTuple):
    """Numbers from the configuration that the loop needs."""

    alerts_per_entity_week: float
    rebaseline_rows: int
    episode: EpisodeRules


class Scores(NamedTuple):
    """Results of rows, and of their cells.

    Attributes:
        score: float64 `(n_rows,)`.
        value, expected, lower, upper: float64 `(n_rows, TOP)`, of the causes, NaN where missing; of others than the
            first in rows that score above `BAND_SCORE` only: nobody asks what else stands out a little in a calm row.
        readiness, phase: int8 `(n_rows,)`.
        since_ns: int64 `(n_rows,)`, first anomalous row of the entity's episode.
        learnt: float64 `(n_rows,)`, rows of the entity before this one.
        cause: int32 `(n_rows, TOP)`, series by contribution, -1 none. part: float64 `(n_rows, TOP)`, summing to the
            score.
        onset_score: float64 `(n_cells,)`, how new each value is. level_score: float64 `(n_cells,)`, nats of the
            level detectors.
        drift: float64 `(n_cells,)`, values in their drift detector's frame, NaN where there is none yet.
    """

    score: NDArray[np.float64]
    value: NDArray[np.float64]
    expected: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    readiness: NDArray[np.int8]
    phase: NDArray[np.int8]
    since_ns: NDArray[np.int64]
    learnt: NDArray[np.float64]
    cause: NDArray[np.int32]
    part: NDArray[np.float64]
    onset_score: NDArray[np.float64]
    level_score: NDArray[np.float64]
    drift: NDArray[np.float64]


def selected_scores(scores: Scores, which: NDArray[np.int64]) -> Scores:
    """Scores of some rows, with all cells."""
    per_row = {
        name: getattr(scores, name)[which]
        for name in Scores._fields
        if name not in ("onset_score", "level_score", "drift")
    }
    return scores._replace(**per_row)


def score_rows(tables: Tables, rows: Rows, model_output: ModelOutput, rules: ScoringRules) -> Scores:
    """Score and learn rows in order; changes the tables."""
    n, n_cells = len(rows.entity), len(rows.series)
    out = Scores(
        score=np.zeros(n),
        value=np.full((n, TOP), np.nan),
        expected=np.full((n, TOP), np.nan),
        lower=np.full((n, TOP), np.nan),
        upper=np.full((n, TOP), np.nan),
        readiness=np.zeros(n, np.int8),
        phase=np.zeros(n, np.int8),
        since_ns=np.zeros(n, np.int64),
        learnt=np.zeros(n),
        cause=np.full((n, TOP), -1, np.int32),
        part=np.zeros((n, TOP)),
        onset_score=np.zeros(n_cells),
        level_score=np.zeros(n_cells),
        drift=np.full(n_cells, np.nan),
    )
    _score(tables, rows, model_output, rules, out)
    return out


@compiled
def _score(tables: Tables, rows: Rows, model_output: ModelOutput, rules: ScoringRules, out: Scores) -> None:
    for row in range(rows.entity.shape[0]):
        entity: ScoredEntity = tables.entities[rows.entity[row]]
        start, end = rows.start[row], rows.start[row + 1]
        if start == end:
            out.since_ns[row], out.learnt[row] = entity.episode_since_ns, entity.threshold_n
            out.phase[row] = fall_silent(entity)
            continue
        interval_s = _interval_s(rows, row)
        lasting_rows = _rows_to_last(interval_s)
        onset, evidence = _onset(tables, rows, row, lasting_rows, out)
        share_left = _without_ignored(tables, rows, row, lasting_rows, model_output.share)
        lasting_nats = _sustained(
            entity, _with_mean_surprise(entity, share_left * model_output.surprise_nats[row]), lasting_rows
        )
        level_nats = _with_mean_evidence(entity, evidence)
        # of a single series a model knows the level only
        by_model = lasting_nats > 0.0 and end - start > 1
        probability = alert_threshold.alarm_probability(rules.alerts_per_entity_week, interval_s)
        target = -math.log(probability)
        n_units, threshold_factor = alert_threshold.units(interval_s), tables.thresholds[entity.link_service]
        is_certain = True
        if entity.threshold_n >= FIRST_SCORE_ROWS:
            known = entity.threshold_n >= CALIBRATED_ROWS and entity.threshold_n * interval_s >= CALIBRATED_S
            out.readiness[row] = CALIBRATED if known else PROVISIONAL
            surprise_nats = (
                alert_threshold.surprise(entity, onset, 1) if alert_threshold.is_event(entity, onset) else 0.0
            )
            entity_threshold = threshold_factor * alert_threshold.threshold(entity, probability)
            if end - start > 1 and entity.threshold_n * interval_s < SETTLING_S:
                is_certain = (
                    surprise_nats >= entity_threshold
                    and alert_threshold.surprise(entity, onset, end - start) >= entity_threshold
                )
            score = _onset_score(surprise_nats / (threshold_factor * target), surprise_nats >= entity_threshold)
            if by_model:
                onset_nats = ONSET_WEIGHT_NATS * math.log1p(onset)
                model_nats = lasting_nats + onset_nats
                # calibrated on a past that it has learnt from, a model says more of an entity than it means: an alarm
                # is only what stands out among what it has said so far
                general_threshold = alert_threshold.model_threshold(entity, probability)
                model_threshold = entity_calibration.entity_threshold(
                    entity, general_threshold, model_output.youth[row]
                )
                model_score = _model_score(
                    model_nats / threshold_factor, target, model_threshold, rules.episode.hold_score
                )
                is_certain = (
                    is_certain or _least_of_newest(entity, SUSTAINED) + onset_nats >= threshold_factor * model_threshold
                )
                # an onset in one of many series counts where it is an alarm; it would drown the order of the rest
                score = max(model_score, score if score > 1.0 else 0.0)
            elif score <= 1.0 and BELOW * surprise_nats <= HELD_SCORE * target:
                # no onset to speak of
                score = _held_score(level_nats, rules.episode.hold_score) / threshold_factor
            alarm = score > 1.0
            out.score[row] = score
            if not by_model and not alarm:
                alert_threshold.wait(entity, surprise_nats, probability, n_units)
            alert_threshold.learn(entity, onset, alarm, probability, n_units)
            if by_model and entity.threshold_alarm_rows == 0:
                entity_calibration.learn(entity, model_nats)
        alert_threshold.count(entity, n_units)
        _fill_causes(rows, row, model_output.share, lasting_nats, out)
        _fill_bands(tables, rows, row, target * threshold_factor, out)
        out.phase[row] = advance(entity, out.score[row], is_certain, rows.tick_ns[row], rules.episode)
        out.since_ns[row], out.learnt[row] = entity.episode_since_ns, entity.threshold_n
        _learn_cells(tables, rows, row, rules, out)
        entity.latest_tick_ns, entity.latest_score = rows.tick_ns[row], out.score[row]


@compiled
def _interval_s(rows: Rows, row: int) -> float:
    """The entity's sampling interval; one second, the strictest usual, until it is known."""
    return rows.interval_ns[row] * 1e-9 if rows.interval_ns[row] > 0 else 1.0


@compiled
def _rows_to_last(interval_s: float) -> int:
    """Rows that surprise has to last before it counts."""
    return int(min(max(SUSTAINED_S / interval_s, 1.0), SUSTAINED))


@compiled
def _learn_cells(tables: Tables, rows: Rows, row: int, rules: ScoringRules, out: Scores) -> None:
    """Take a row's values into their series, and fill what drift sees of them."""
    lasting_rows = _rows_to_last(_interval_s(rows, row))
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        value = rows.value[cell]
        out.drift[cell] = frame.framed(series, value)
        median = _median_value(series, value, lasting_rows)
        residual.learn(series, median, out.level_score[cell], rules.rebaseline_rows)
        if np.isnan(median):
            continue
        if lasting_rows == SUSTAINED and rows.interval_ns[row] > 0:
            novelty.learn_swing(series, series.score_newest_values[SUSTAINED - 2])
        novelty.learn_seen(series, median, rows.tick_ns[row])
        hour_of_day.learn(series, median, rows.tick_ns[row])
        series.score_newest_values[1], series.score_newest_values[0] = series.score_newest_values[0], value


@compiled
def _onset(tables: Tables, rows: Rows, row: int, lasting_rows: int, out: Scores) -> tuple[float, float]:
    """Onset score of the row as an event, and the evidence of its most surprising series; fills the cells' figures."""
    largest, company, evidence = 0.0, 0.0, 0.0
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        value = _median_value(series, rows.value[cell], lasting_rows)
        if not residual.is_of_interest(series, value):
            continue
        level_nats = residual.surprise(series, value)
        # nothing is new about a missing value but its absence
        onset = (
            level_nats
            if np.isnan(value)
            else novelty.onset_score(series, value, rows.tick_ns[row])
            + ONSET_PER_LEVEL_NAT * min(level_nats, LEVEL_LIMIT_NATS)
        )
        out.onset_score[cell], out.level_score[cell] = onset, level_nats
        largest, company = max(largest, onset), company + max(onset - COMPANY_ONSET, 0.0)
        hourly_nats = hour_of_day.surprise(series, value, rows.tick_ns[row])
        evidence = max(
            evidence,
            min(onset, EVIDENCE_LIMIT_NATS)
            + min(level_nats, EVIDENCE_LIMIT_NATS)
            + min(hourly_nats, EVIDENCE_LIMIT_NATS),
        )
    return largest + 0.5 * (company - max(largest - COMPANY_ONSET, 0.0)), evidence


@compiled
def _without_ignored(tables: Tables, rows: Rows, row: int, lasting_rows: int, share: NDArray[np.float64]) -> float:
    """What is left of the model's surprise, 0 to 1, without the changes that nobody asked about; their shares are
    gone."""
    share_left = 1.0
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        if share[cell] > 0.0 and not residual.is_of_interest(
            series, _median_value(series, rows.value[cell], lasting_rows)
        ):
            share_left -= share[cell]
            share[cell] = 0.0
    return max(share_left, 0.0)


@compiled
def _with_mean_surprise(entity: ScoredEntity, surprise_nats: float) -> float:
    """A row's surprise, and what its entity's exponential mean of it, this row included, exceeds the mean of 1 by."""
    if np.isnan(surprise_nats):
        return surprise_nats
    entity.score_model_mean_nats += (surprise_nats - entity.score_model_mean_nats) / MEAN_ROWS
    return float(surprise_nats + max(entity.score_model_mean_nats - 1.0, 0.0))


@compiled
def _with_mean_evidence(entity: ScoredEntity, evidence: float) -> float:
    """The same of the evidence of its series, where no model judges the row."""
    entity.score_level_mean_nats += (evidence - entity.score_level_mean_nats) / MEAN_ROWS
    return float(evidence + max(entity.score_level_mean_nats - 1.0, 0.0))


@compiled
def _held_score(level_nats: float, hold: float) -> float:
    """The score of a row far from normal without an onset: `hold` where it holds an episode, `HELD_SCORE` at most."""
    return (
        hold * level_nats / HOLDING_NATS
        if level_nats <= HOLDING_NATS
        else HELD_SCORE - (HELD_SCORE - hold) * HOLDING_NATS / level_nats
    )


@compiled
def _median_value(series: ScoredSeries, value: float, lasting_rows: int) -> float:
    """The value, or where surprise has to last for three rows, the median of the newest three."""
    if lasting_rows < SUSTAINED or series.novelty_n < SUSTAINED or np.isnan(value):
        return value
    a, b = series.score_newest_values[0], series.score_newest_values[1]
    return float(max(min(a, b), min(max(a, b), value)))


@compiled
def _onset_score(severity: float, alarm: bool) -> float:
    """The score: in the order of severity, on the side of 1 that the entity's own threshold says."""
    if alarm:
        return severity if severity > 1.0 + MARGIN else 1.0 + MARGIN * severity / (1.0 + MARGIN)
    return BELOW * severity if severity < 1.0 else 1.0 - (1.0 - BELOW) / severity


@compiled
def _model_score(surprise_nats: float, target: float, model_threshold: float, hold: float) -> float:
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
def _sustained(entity: ScoredEntity, lasting_nats: float, lasting_rows: int) -> float:
    """Take in the newest row's surprise by its model, 0 without one; the least of so many of the newest."""
    for k in range(SUSTAINED - 1, 0, -1):
        entity.score_model_nats[k] = entity.score_model_nats[k - 1]
    entity.score_model_nats[0] = 0.0 if np.isnan(lasting_nats) else lasting_nats
    return _least_of_newest(entity, lasting_rows)


@compiled
def _least_of_newest(entity: ScoredEntity, lasting_rows: int) -> float:
    """The least surprise by the model of so many of the newest rows."""
    least = entity.score_model_nats[0]
    for k in range(1, lasting_rows):
        least = min(least, entity.score_model_nats[k])
    return float(least)


@compiled
def _fill_causes(rows: Rows, row: int, share: NDArray[np.float64], lasting_nats: float, out: Scores) -> None:
    """The three series that stand out most, by themselves or in the model, and the score divided between them by
    squares."""
    cause, part, score = out.cause[row], out.part[row], out.score[row]
    for cell in range(rows.start[row], rows.start[row + 1]):
        by_itself = max(out.onset_score[cell], out.level_score[cell])
        in_model = min(lasting_nats, MODEL_LIMIT_NATS)
        weight = by_itself * by_itself + in_model * in_model * share[cell]
        k = TOP
        while k > 0 and (cause[k - 1] < 0 or part[k - 1] < weight):
            k -= 1
        if k == TOP:
            continue
        for j in range(TOP - 1, k, -1):
            cause[j], part[j] = cause[j - 1], part[j - 1]
        cause[k], part[k] = rows.series[cell], weight
    total = part.sum()
    for k in range(TOP):
        part[k] = score * part[k] / total if total > 0.0 else (score if k == 0 else 0.0)


@compiled
def _fill_bands(tables: Tables, rows: Rows, row: int, target: float, out: Scores) -> None:
    """Values of the causes, and the bands that each leaves with a chance of one in as many as the rate asks for."""
    entity: ScoredEntity = tables.entities[rows.entity[row]]
    for k in range(TOP):
        number = out.cause[row, k]
        if number < 0 or (k > 0 and out.score[row] <= BAND_SCORE):
            break
        for cell in range(rows.start[row], rows.start[row + 1]):
            if rows.series[cell] == number:
                out.value[row, k] = rows.value[cell]
        if tables.series[number].residual_n >= 3.0 and entity.threshold_n >= 3.0:
            band = residual.band(tables.series[number], target)
            out.expected[row, k], out.lower[row, k], out.upper[row, k] = band
    entity.latest_cause, entity.latest_value = out.cause[row, 0], out.value[row, 0]
    entity.latest_expected, entity.latest_lower, entity.latest_upper = (
        out.expected[row, 0],
        out.lower[row, 0],
        out.upper[row, 0],
    )
