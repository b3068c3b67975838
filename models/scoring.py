"""Rows to calibrated anomaly scores: one compiled loop in row order; every row is scored before it is learnt.

The surprises of an entity's series and of its service's forest are fused into one number, whose own streaming tail per
entity says how probable it is in normal operation; the score is the logarithm of that probability, with the
probability that the false-alarm rate asks for as its unit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import online
from models.compiled import compiled
from models.episodes import EpisodeRules, advance, fall_silent
from models.features import Multivariate
from models.rows import Rows
from models.state import SUSTAINED, Table, Tables
from models.threshold import Tail, alert_surprise, learn_tail, tail_surprise, tail_value

TOP = 3
"""Contributions kept per row."""

P_CUT = 0.05
"""Share of an entity's rows beyond the cut of its tail."""

FIRST_SCORE_ROWS = 10
CALIBRATED_ROWS = 1000
"""At 5 % beyond the cut, 50 exceedances: the tail's mean is known to 14 %."""

SUSTAINED_S = 3.0
"""How long surprise has to last, at most `SUSTAINED` rows, and one row where rows are rarer than this. At one second a
single odd row (one failed request, a collection of garbage) is ordinary, and a tail that has to hold such rows hides a
fault of a minute: with half of the requests failing the score rose from 0.7 to 3. Slower rows are means or states over
longer than that already."""

TYPICAL = 4.0
"""Nats that any of a few series has now and then; what others than the largest have beyond counts half."""

FOREST_LIMIT = 20.0
"""Nats that a forest is believed: it can't tell far outside of what it was trained on from very far."""

LEAST_EXCESS = 0.6
"""Least mean excess believed, in nats. Calibrated surprises have 1, the least of three rows less; but what an hour
shows of a tail, the slow wander of load has not been part of. At 0.4, as learnt, simulated services had four times the
false episodes asked for; faults score several times the threshold either way."""

RUN_SCORE = 0.5
"""Scores from which rows are a run that is learnt once, when it is over: learnt row by row, a fault that starts just
below the threshold would raise it faster than it grows itself. Half of the threshold's nats are one row in 800 at one
second."""

EPISODE_WEIGHT = 0.25
"""Weight with which an episode is learnt when it is over: false ones raise the threshold if they keep coming, true
ones hardly."""

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
            first in rows that score above `RUN_SCORE` only: nobody asks what else is a little odd in a calm row.
        readiness, phase: int8 `(n_rows,)`.
        since_ns: int64 `(n_rows,)`, first anomalous row of the entity's episode.
        learnt: float64 `(n_rows,)`, rows of the entity before this one.
        cause: int32 `(n_rows, TOP)`, series by contribution, -1 none. part: float64 `(n_rows, TOP)`, summing to the
            score.
        nats: float64 `(n_cells,)`, surprise of each series.
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
    drift: NDArray[np.float64]


def chosen(scores: Scores, which: NDArray[np.int64]) -> Scores:
    """Scores of some rows, with all cells."""
    per_row = {name: getattr(scores, name)[which] for name in Scores._fields if name not in ("nats", "drift")}
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
            _learn_run(entity)
            continue
        for cell in range(start, end):
            out.nats[cell] = online.surprise(tables.series[rows.series[cell]], rows.value[cell])
        # one second is assumed until the sampling interval is known, the strictest usual
        interval_s = rows.interval_ns[row] * 1e-9 if rows.interval_ns[row] > 0 else 1.0
        joint = forest.nats[row]
        joint = 0.0 if np.isnan(joint) else min(joint, FOREST_LIMIT)
        fused = _sustained(entity, _fuse(out.nats[start:end], joint), interval_s)
        target = tables.thresholds[entity.service] * alert_surprise(rules.alerts_per_entity_week, interval_s)
        if entity.n >= FIRST_SCORE_ROWS:
            out.score[row] = tail_surprise(fused, _tail(entity), P_CUT) / target
            out.readiness[row] = PROVISIONAL if entity.n < CALIBRATED_ROWS else CALIBRATED
        _explain(rows, row, forest.share, joint, out)
        _expect(tables, rows, row, target, out)
        out.phase[row] = advance(entity, out.score[row], rows.tick_ns[row], rules.episode)
        out.since_ns[row], out.learnt[row] = entity.since_ns, entity.n
        for cell in range(start, end):
            one = tables.series[rows.series[cell]]
            out.drift[cell] = _frame(one, rows.value[cell])
            online.learn(one, rows.value[cell], out.nats[cell], rules.rebaseline_rows)
        _learn_entity(entity, fused, out.score[row])
        entity.tick_ns, entity.score = rows.tick_ns[row], out.score[row]


@compiled
def _fuse(nats: NDArray[np.float64], joint: float) -> float:
    """The largest surprise, and half of what the others have beyond the typical."""
    largest, total = joint, max(joint - TYPICAL, 0.0)
    for one in nats:
        largest = max(largest, one)
        total += max(one - TYPICAL, 0.0)
    return largest + 0.5 * (total - max(largest - TYPICAL, 0.0))


@compiled
def _sustained(entity: Table, fused: float, interval_s: float) -> float:
    """The least of the newest rows' surprises, over as many rows as `SUSTAINED_S` holds."""
    rows = int(min(max(SUSTAINED_S / interval_s, 1.0), SUSTAINED))
    least = fused
    for k in range(SUSTAINED - 1, 0, -1):
        entity.recent[k] = entity.recent[k - 1]
        if k < rows:
            least = min(least, entity.recent[k])
    entity.recent[0] = fused
    return least


@compiled
def _tail(entity: Table) -> Tail:
    return Tail(entity.cut, entity.excess, entity.square, entity.beyond)


@compiled
def _explain(rows: Rows, row: int, share: NDArray[np.float64], joint: float, out: Scores) -> None:
    """The three series that are most surprising, alone or in the forest, and the score divided between them by
    squares."""
    cause, part, score = out.cause[row], out.part[row], out.score[row]
    for cell in range(rows.start[row], rows.start[row + 1]):
        weight = out.nats[cell] * out.nats[cell] + joint * joint * share[cell]
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
    """Values of the causes, and the band that each alone would have to leave for a score of 1."""
    entity = tables.entities[rows.entity[row]]
    reach = tail_value(target, _tail(entity), P_CUT) if entity.n >= 3.0 else 0.0
    for k in range(TOP):
        number = out.cause[row, k]
        if number < 0 or (k > 0 and out.score[row] <= RUN_SCORE):
            break
        for cell in range(rows.start[row], rows.start[row + 1]):
            if rows.series[cell] == number:
                out.value[row, k] = rows.value[cell]
        if tables.series[number].n >= 3.0 and entity.n >= 3.0:
            band = online.band(tables.series[number], reach)
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


@compiled
def _learn_entity(entity: Table, fused: float, score: float) -> None:
    """Learn a calm row at once, a run of others when it is over, by its largest and once."""
    if entity.n == 0.0:
        entity.cut, entity.excess, entity.square = 3.0, 1.0, 2.0
    # the first rows of the series' own detectors are no measure of what is normal
    if entity.n >= FIRST_SCORE_ROWS:
        if score > RUN_SCORE or entity.episode:
            entity.held = max(entity.held, fused)
            entity.held_weight = EPISODE_WEIGHT if entity.episode else 1.0
        else:
            _learn_run(entity)
            _learn_fused(entity, fused, 1.0)
    entity.n += 1.0


@compiled
def _learn_run(entity: Table) -> None:
    if entity.held > 0.0:
        _learn_fused(entity, entity.held, entity.held_weight)
        entity.held = 0.0


@compiled
def _learn_fused(entity: Table, fused: float, weight: float) -> None:
    tail = learn_tail(fused, _tail(entity), P_CUT, entity.n, weight)
    entity.cut, entity.excess, entity.square, entity.beyond = tail.cut, tail.excess, tail.square, tail.beyond
    entity.excess = max(entity.excess, LEAST_EXCESS)
