"""Rows to calibrated anomaly scores: one compiled loop in row order; every row is scored before it is learnt.

Two kinds of evidence, in nats. The onset: how new the values of the entity's series are, which `false_alarms` turns
into the surprise of an event. The level: how far the row is from normal as a whole, by the service's model. The
larger one, over the surprise that the false-alarm rate asks for, is the score; the entity's own threshold decides the
side of 1 on which it lies. What is odd without being news is ranked below 1 by all that the detectors for one series
find, so that an incident stays visible and an open episode open.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import hour_of_day as daily
from models.detectors import novelty
from models.detectors import residual as online
from models.scoring import alert_threshold as false_alarms
from models.scoring import entity_calibration as own_level
from models.scoring.episode_rules import EpisodeRules, advance, fall_silent
from models.service_model.ask import Multivariate
from models.state.rows import Rows
from models.state.tables import SUSTAINED, Table, Tables

TOP = 3
"""Contributions kept per row."""

FIRST_SCORE_ROWS = 10

CALIBRATED_S, CALIBRATED_ROWS = 86_400.0, 250
"""A day, so that the hours of the day are known, and rows enough to have seen what is rare."""

SUSTAINED_S = 3.0
"""How long surprise has to last, at most `SUSTAINED` rows, and one row where rows are rarer than this. At one second a
single odd row (one failed request, a collection of garbage) is ordinary. Slower rows are means or states over longer
than that already."""

SETTLING_S = 604_800.0
"""For this long an entity of several series is settling: all of them are new at once, and its model has learnt too
little of what wanders for hours. What the model alone finds is an incident as ever, but no alert before it has lasted
for `SUSTAINED` rows: without that, quiet entities of 38 metrics had 1.6 alerts in a first week where 1 is asked."""

ODDITY, ODDEST = 0.002, 8.0
"""Strength that each nat of a level detector adds to the novelty of a value, up to so many: next to nothing. It orders
rows that hold nothing new, so that the threshold finds some where the false-alarm rate leaves room; at 0.1 the public
benchmark loses four points."""

COMPANY = 4.0
"""Strength that any of a few series has now and then; what others than the strongest have beyond counts half."""

NEWS = 2.0
"""Nats that the news of its series (the logarithm of their strength) adds to the surprise of a row as a whole. The
model is calibrated on days without incidents and its surprise grows without bound; news of one of many series orders
what the model finds about equally odd. Between 1 and 4 the benchmark stays within .02."""

JOINT_LIMIT = 20.0
"""Nats of a row as a whole that count for its causes: beyond, a small part of much would outweigh what is odd alone."""

LEVEL_ROWS = 10.0
"""Rows that an entity's level of surprise remembers. Onsets are found by a row, incidents held by the level: their sum
had .02 to .1 more VUS-PR than either on application servers, the same at 5."""

EVIDENCE = 12.0
"""Nats of a level detector that count as evidence: as much as the novelty of a value has, so that neither drowns the
other."""

HOLDING = 18.0
"""Evidence, level included, that holds an episode: two detectors of five nats each, and as much in the rows before."""

HELD = 0.75
"""Score up to which a row that is odd, but no news, is held: above the episode's `hold_score`, below the threshold."""

TOLD_SCORE = 0.5
"""Scores up to which only the first cause's value and band are told."""

BELOW, MARGIN = 0.98, 1e-3
"""Scores below 0.98 and above 1.001 are severities alone. Between them lie the rows that are severe in general but
not for their entity, up to 1, and those that are severe for their entity but not in general, above it."""

REFERENCE_ROWS = 100
"""Rows of a series before drift has a frame of reference."""

DRIFT_LIMIT = 20.0
"""Units up to which drift sees values as they are; logarithms beyond, so that one spike does not make a mean."""

WARMING_UP, PROVISIONAL, CALIBRATED = 0, 1, 2


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
            first in rows that score above `TOLD_SCORE` only: nobody asks what else is a little odd in a calm row.
        readiness, phase: int8 `(n_rows,)`.
        since_ns: int64 `(n_rows,)`, first anomalous row of the entity's episode.
        learnt: float64 `(n_rows,)`, rows of the entity before this one.
        cause: int32 `(n_rows, TOP)`, series by contribution, -1 none. part: float64 `(n_rows, TOP)`, summing to the
            score.
        nats: float64 `(n_cells,)`, strength of each series' news. odd: float64 `(n_cells,)`, nats of its level.
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
    nats: NDArray[np.float64]
    odd: NDArray[np.float64]
    drift: NDArray[np.float64]


def chosen(scores: Scores, which: NDArray[np.int64]) -> Scores:
    """Scores of some rows, with all cells."""
    per_row = {name: getattr(scores, name)[which] for name in Scores._fields if name not in ("nats", "odd", "drift")}
    return scores._replace(**per_row)


def score_rows(tables: Tables, rows: Rows, forest: Multivariate, rules: ScoringRules) -> Scores:
    """Score and learn rows in order; changes the tables."""
    n, cells = len(rows.entity), len(rows.series)
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
        nats=np.zeros(cells),
        odd=np.zeros(cells),
        drift=np.full(cells, np.nan),
    )
    _score(tables, rows, forest, rules, out)
    return out


@compiled
def _score(tables: Tables, rows: Rows, forest: Multivariate, rules: ScoringRules, out: Scores) -> None:
    for row in range(rows.entity.shape[0]):
        entity = tables.entities[rows.entity[row]]
        start, end = rows.start[row], rows.start[row + 1]
        if start == end:
            out.since_ns[row], out.learnt[row] = entity.since_ns, entity.n
            out.phase[row] = fall_silent(entity)
            continue
        interval_s = _interval_s(rows, row)
        lasting = _rows_to_last(interval_s)
        strength, evidence = _strength(tables, rows, row, lasting, out)
        left = _without_ignored(tables, rows, row, lasting, forest.share)
        joint = _sustained(entity, _with_level(entity, left * forest.nats[row]), lasting)
        odd = _with_odd_level(entity, evidence)
        # of a single series a model knows the level only
        whole = joint > 0.0 and end - start > 1
        probability = false_alarms.alarm_probability(rules.alerts_per_entity_week, interval_s)
        target = -math.log(probability)
        n_units, wanted = false_alarms.units(interval_s), tables.thresholds[entity.service]
        certain = True
        if entity.n >= FIRST_SCORE_ROWS:
            known = entity.n >= CALIBRATED_ROWS and entity.n * interval_s >= CALIBRATED_S
            out.readiness[row] = CALIBRATED if known else PROVISIONAL
            nats = false_alarms.surprise(entity, strength, 1) if false_alarms.is_event(entity, strength) else 0.0
            reach = wanted * false_alarms.threshold(entity, probability)
            if end - start > 1 and entity.n * interval_s < SETTLING_S:
                certain = nats >= reach and false_alarms.surprise(entity, strength, end - start) >= reach
            score = _graded(nats / (wanted * target), nats >= reach)
            if whole:
                news = NEWS * math.log1p(strength)
                at_large = joint + news
                # calibrated on a past that it has learnt from, a model says more of an entity than it means: only what
                # is odd among what it has said so far is news as well
                general = false_alarms.joint_threshold(entity, probability)
                own = own_level.reach(entity, general, forest.youth[row])
                joint_score = _between(at_large / wanted, target, own, rules.episode.hold_score)
                certain = certain or _least(entity, SUSTAINED) + news >= wanted * own
                # news of one of many series counts where it is an alarm; it would drown the order of the rest
                score = max(joint_score, score if score > 1.0 else 0.0)
            elif score <= 1.0 and BELOW * nats <= HELD * target:
                # nothing new to speak of
                score = _held(odd, rules.episode.hold_score) / wanted
            alarm = score > 1.0
            out.score[row] = score
            if not whole and not alarm:
                false_alarms.wait(entity, nats, probability, n_units)
            false_alarms.learn(entity, strength, alarm, probability, n_units)
            if whole and entity.alarm_rows == 0:
                own_level.learn(entity, at_large)
        false_alarms.count(entity, n_units)
        _explain(rows, row, forest.share, joint, out)
        _expect(tables, rows, row, target * wanted, out)
        out.phase[row] = advance(entity, out.score[row], certain, rows.tick_ns[row], rules.episode)
        out.since_ns[row], out.learnt[row] = entity.since_ns, entity.n
        _learn_cells(tables, rows, row, rules, out)
        entity.tick_ns, entity.score = rows.tick_ns[row], out.score[row]


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
    lasting = _rows_to_last(_interval_s(rows, row))
    for cell in range(rows.start[row], rows.start[row + 1]):
        one, value = tables.series[rows.series[cell]], rows.value[cell]
        out.drift[cell] = _frame(one, value)
        steady = _lasting(one, value, lasting)
        online.learn(one, steady, out.odd[cell], rules.rebaseline_rows)
        if np.isnan(steady):
            continue
        if lasting == SUSTAINED and rows.interval_ns[row] > 0:
            novelty.learn_swing(one, one.latest[SUSTAINED - 2])
        novelty.learn_seen(one, steady, rows.tick_ns[row])
        daily.learn(one, steady, rows.tick_ns[row])
        one.latest[1], one.latest[0] = one.latest[0], value


@compiled
def _strength(tables: Tables, rows: Rows, row: int, lasting: int, out: Scores) -> tuple[float, float]:
    """Strength of the row as an event, and the evidence of its oddest series; fills the cells' figures."""
    strongest, company, evidence = 0.0, 0.0, 0.0
    for cell in range(rows.start[row], rows.start[row + 1]):
        one = tables.series[rows.series[cell]]
        value = _lasting(one, rows.value[cell], lasting)
        if not online.is_of_interest(one, value):
            continue
        odd = online.surprise(one, value)
        # nothing is new about a missing value but its absence
        new = odd if np.isnan(value) else novelty.novelty(one, value, rows.tick_ns[row]) + ODDITY * min(odd, ODDEST)
        out.nats[cell], out.odd[cell] = new, odd
        strongest, company = max(strongest, new), company + max(new - COMPANY, 0.0)
        hourly = daily.surprise(one, value, rows.tick_ns[row])
        evidence = max(evidence, min(new, EVIDENCE) + min(odd, EVIDENCE) + min(hourly, EVIDENCE))
    return strongest + 0.5 * (company - max(strongest - COMPANY, 0.0)), evidence


@compiled
def _without_ignored(tables: Tables, rows: Rows, row: int, lasting: int, share: NDArray[np.float64]) -> float:
    """What is left of the model's surprise, 0 to 1, without the changes that nobody asked about; their shares are
    gone."""
    left = 1.0
    for cell in range(rows.start[row], rows.start[row + 1]):
        one = tables.series[rows.series[cell]]
        if share[cell] > 0.0 and not online.is_of_interest(one, _lasting(one, rows.value[cell], lasting)):
            left -= share[cell]
            share[cell] = 0.0
    return max(left, 0.0)


@compiled
def _with_level(entity: Table, nats: float) -> float:
    """A row's surprise, and what its entity's exponential mean of it, this row included, exceeds the mean of 1 by."""
    if np.isnan(nats):
        return nats
    entity.joint_level += (nats - entity.joint_level) / LEVEL_ROWS
    return float(nats + max(entity.joint_level - 1.0, 0.0))


@compiled
def _with_odd_level(entity: Table, evidence: float) -> float:
    """The same of the evidence of its series, where no model sees the row as a whole."""
    entity.odd_level += (evidence - entity.odd_level) / LEVEL_ROWS
    return float(evidence + max(entity.odd_level - 1.0, 0.0))


@compiled
def _held(odd: float, hold: float) -> float:
    """The score of a row that is odd and no news: `hold` where it holds an episode, `HELD` at most."""
    return hold * odd / HOLDING if odd <= HOLDING else HELD - (HELD - hold) * HOLDING / odd


@compiled
def _lasting(one: Table, value: float, lasting: int) -> float:
    """The value, or where surprise has to last for three rows, the median of the newest three."""
    if lasting < SUSTAINED or one.seen_rows < SUSTAINED or np.isnan(value):
        return value
    a, b = one.latest[0], one.latest[1]
    return float(max(min(a, b), min(max(a, b), value)))


@compiled
def _graded(severity: float, alarm: bool) -> float:
    """The score: in the order of severity, on the side of 1 that the entity's own threshold says."""
    if alarm:
        return severity if severity > 1.0 + MARGIN else 1.0 + MARGIN * severity / (1.0 + MARGIN)
    return BELOW * severity if severity < 1.0 else 1.0 - (1.0 - BELOW) / severity


@compiled
def _between(nats: float, target: float, own: float, hold: float) -> float:
    """The score of a row as a whole: 1 where it is an alarm for its entity, `hold` where an alarm is held, which is so
    by what the nats mean in general: that much has been said of the entity before does not make an incident over."""
    if nats >= own:
        return nats / own
    held = hold * min(target, own)
    return hold * nats / held if nats <= held else hold + (1.0 - hold) * (nats - held) / (own - held)


@compiled
def _sustained(entity: Table, joint: float, lasting: int) -> float:
    """Take in the newest row's surprise as a whole, 0 without a model; the least of so many of the newest."""
    for k in range(SUSTAINED - 1, 0, -1):
        entity.joint[k] = entity.joint[k - 1]
    entity.joint[0] = 0.0 if np.isnan(joint) else joint
    return _least(entity, lasting)


@compiled
def _least(entity: Table, lasting: int) -> float:
    """The least surprise as a whole of so many of the newest rows."""
    least = entity.joint[0]
    for k in range(1, lasting):
        least = min(least, entity.joint[k])
    return float(least)


@compiled
def _explain(rows: Rows, row: int, share: NDArray[np.float64], joint: float, out: Scores) -> None:
    """The three series that are newest and oddest, alone or in the model, and the score divided between them by
    squares."""
    cause, part, score = out.cause[row], out.part[row], out.score[row]
    for cell in range(rows.start[row], rows.start[row + 1]):
        alone = max(out.nats[cell], out.odd[cell])
        together = min(joint, JOINT_LIMIT)
        weight = alone * alone + together * together * share[cell]
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
def _expect(tables: Tables, rows: Rows, row: int, target: float, out: Scores) -> None:
    """Values of the causes, and the bands that each leaves with a chance of one in as many as the rate asks for."""
    entity = tables.entities[rows.entity[row]]
    for k in range(TOP):
        number = out.cause[row, k]
        if number < 0 or (k > 0 and out.score[row] <= TOLD_SCORE):
            break
        for cell in range(rows.start[row], rows.start[row + 1]):
            if rows.series[cell] == number:
                out.value[row, k] = rows.value[cell]
        if tables.series[number].n >= 3.0 and entity.n >= 3.0:
            band = online.band(tables.series[number], target)
            out.expected[row, k], out.lower[row, k], out.upper[row, k] = band
    entity.cause, entity.value = out.cause[row, 0], out.value[row, 0]
    entity.expected, entity.lower, entity.upper = out.expected[row, 0], out.lower[row, 0], out.upper[row, 0]


@compiled
def _frame(one: Table, value: float) -> float:
    """A value in units of the series as it was when its drift detector started; NaN before, and where it is missing."""
    if np.isnan(one.ref_level):
        if one.n < REFERENCE_ROWS:
            return np.nan
        one.ref_level = one.level[1]
        # a sixth of the range: what the series has been through is not a change of it
        one.ref_scale = max(online.unit(one, 1), (one.high - one.low) / 6.0)
    z = (value - one.ref_level) / one.ref_scale
    if abs(z) <= DRIFT_LIMIT:
        return float(z)
    return math.copysign(DRIFT_LIMIT * (1.0 + math.log(abs(z) / DRIFT_LIMIT)), z)
