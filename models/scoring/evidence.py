"""What the series of a row show, each by itself, and how long it has to last."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled
from models.detectors import hour_of_day, novelty, residual
from models.detectors.departure import departure, scatter
from models.detectors.novelty import SUSTAINED
from models.scoring.scores import RowQuestion, ScoredEntity, ScoredSeries, Scores, SeriesEvidence
from models.state.rows import Rows
from models.state.tables import Tables

SUSTAINED_S = 3.0
"""How long surprise has to last, at most `SUSTAINED` rows, and one row where rows are rarer than this. At one second a
single outlier (one failed request, a collection of garbage) is ordinary. Slower rows are means or states over longer
than that already."""

ONSET_PER_LEVEL_NAT, LEVEL_LIMIT_NATS = 0.002, 8.0
"""What each nat of a level detector adds to the onset score of a value, up to so many: next to nothing. It orders rows
that hold nothing new, so that the threshold finds some where the false-alarm rate leaves room; at 0.1 the public
benchmark loses four points."""

ORDINARY, KNOWN_HOURS = 0.3, 12.0
"""Share of an alarm's surprise below which a value lies well inside of its band: nobody wants to hear of it, however
new it is, once half a day of hours is known."""

COMPANY_ONSET = 4.0
"""Onset score that any of a few series has now and then; what others than the highest have beyond counts half."""

MEAN_ROWS = 10.0
"""Rows that an entity's level of surprise remembers. Onsets are found by a row, incidents held by the level: their sum
had .02 to .1 more VUS-PR than either on application servers, the same at 5."""

EVIDENCE_LIMIT_NATS = 12.0
"""Nats of a level detector that count as evidence: as much as the onset score of a value has, so that neither drowns
the other."""


@compiled
def interval_s(rows: Rows, row: int) -> float:
    """The entity's sampling interval; one second, the strictest usual, until it is known."""
    return rows.interval_ns[row] * 1e-9 if rows.interval_ns[row] > 0 else 1.0


@compiled
def rows_to_last(interval_s: float) -> int:
    """Rows that surprise has to last before it counts."""
    return int(min(max(SUSTAINED_S / interval_s, 1.0), SUSTAINED))


@compiled
def median_value(series: ScoredSeries, value: float, lasting_rows: int) -> float:
    """The value, or where surprise has to last for three rows, the median of the newest three."""
    if lasting_rows < SUSTAINED or series.novelty_n < SUSTAINED or np.isnan(value):
        return value
    a, b = series.score_newest_values[0], series.score_newest_values[1]
    if np.isnan(a) or np.isnan(b):
        return value
    return float(max(min(a, b), min(max(a, b), value)))


@compiled
def row_evidence(tables: Tables, rows: Rows, asked: RowQuestion, out: Scores) -> SeriesEvidence:
    """What the row's series show; fills the cells' figures."""
    row, alarm_nats = asked.row, asked.alarm_nats
    largest, company, evidence, departed, is_judged = 0.0, 0.0, 0.0, 0.0, True
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        value = median_value(series, rows.value[cell], asked.lasting_rows)
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
        out.departure[cell] = departure.excess(series, value, rows.tick_ns[row], alarm_nats)
        known = not np.isnan(value) and scatter.limit(series) >= alarm_nats
        if out.departure[cell] == departure.EXPLAINED:
            # by the clock, or as often before: nothing to tell
            onset = level_nats = 0.0
        elif known and series.scatter_all_hours >= KNOWN_HOURS and out.departure[cell] < ORDINARY:
            # well inside of its band, a value that was never seen is an ordinary one
            onset *= out.departure[cell] / ORDINARY
        departed = max(departed, out.departure[cell])
        out.onset_score[cell], out.level_score[cell] = onset, level_nats
        largest, company = max(largest, onset), company + max(onset - COMPANY_ONSET, 0.0)
        hourly_nats = hour_of_day.surprise(series, value, rows.tick_ns[row])
        is_judged = is_judged and known
        evidence = max(
            evidence,
            min(onset, EVIDENCE_LIMIT_NATS)
            + min(level_nats, EVIDENCE_LIMIT_NATS)
            + min(hourly_nats, EVIDENCE_LIMIT_NATS),
        )
    onset = largest + 0.5 * (company - max(largest - COMPANY_ONSET, 0.0))
    return SeriesEvidence(onset, evidence, departed, is_judged)


@compiled
def share_left(tables: Tables, rows: Rows, asked: RowQuestion, share: NDArray[np.float64], out: Scores) -> float:
    """What is left of the model's surprise, 0 to 1, without the changes that nobody asked about and those that are
    explained; their shares are gone."""
    left, row = 1.0, asked.row
    for cell in range(rows.start[row], rows.start[row + 1]):
        series: ScoredSeries = tables.series[rows.series[cell]]
        if share[cell] > 0.0 and (
            out.departure[cell] == departure.EXPLAINED
            or (out.departure[cell] < departure.HOLD and departure.is_unknown_to_model(series))
            or not residual.is_of_interest(series, median_value(series, rows.value[cell], asked.lasting_rows))
        ):
            left -= share[cell]
            share[cell] = 0.0
    return max(left, 0.0)


@compiled
def with_mean_surprise(entity: ScoredEntity, surprise_nats: float) -> float:
    """A row's surprise, and what its entity's exponential mean of it, this row included, exceeds the mean of 1 by."""
    if np.isnan(surprise_nats):
        return surprise_nats
    entity.score_model_mean_nats += (surprise_nats - entity.score_model_mean_nats) / MEAN_ROWS
    return float(surprise_nats + max(entity.score_model_mean_nats - 1.0, 0.0))


@compiled
def with_mean_evidence(entity: ScoredEntity, evidence: float) -> float:
    """The same of the evidence of its series, where no model judges the row."""
    entity.score_level_mean_nats += (evidence - entity.score_level_mean_nats) / MEAN_ROWS
    return float(evidence + max(entity.score_level_mean_nats - 1.0, 0.0))


@compiled
def sustained(entity: ScoredEntity, lasting_nats: float, lasting_rows: int) -> float:
    """Take in the newest row's surprise by its model, 0 without one; the least of so many of the newest."""
    for k in range(SUSTAINED - 1, 0, -1):
        entity.score_model_nats[k] = entity.score_model_nats[k - 1]
    entity.score_model_nats[0] = 0.0 if np.isnan(lasting_nats) else lasting_nats
    return least_of_newest(entity, lasting_rows)


@compiled
def least_of_newest(entity: ScoredEntity, lasting_rows: int) -> float:
    """The least surprise by the model of so many of the newest rows."""
    least = entity.score_model_nats[0]
    for k in range(1, lasting_rows):
        least = min(least, entity.score_model_nats[k])
    return float(least)
