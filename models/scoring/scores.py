"""What scoring knows of a series and of an entity, what it is asked, and what it returns."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.detectors import novelty, residual
from models.detectors.departure import departure, profile, scatter, schedule, standstill
from models.detectors.novelty import SUSTAINED
from models.drift import frame
from models.scoring import alert_threshold, entity_calibration
from models.scoring.episode_rules import EpisodeRules
from models.state.fields import F8, I8, Field, Floats
from models.state.tables import EntityLinks, SeriesLinks

TOP = 3
"""Contributions kept per row."""

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


class ScoredSeries(
    RecentValues,
    frame.DriftFrame,
    residual.ResidualSeries,
    novelty.NoveltySeries,
    departure.DepartureRow,
    profile.ProfileRow,
    scatter.ScatterRow,
    schedule.ScheduleRow,
    standstill.StandstillRow,
    SeriesLinks,
    Protocol,
):
    """A series, as scoring sees it."""


class ScoredEntity(
    RecentSurprise,
    LatestResult,
    alert_threshold.ThresholdEntity,
    entity_calibration.CalibrationRow,
    EntityLinks,
    Protocol,
):
    """An entity, as scoring sees it."""


class ScoringRules(NamedTuple):
    """Numbers from the configuration that the loop needs."""

    alerts_per_entity_week: float
    rebaseline_rows: int
    episode: EpisodeRules


class RowQuestion(NamedTuple):
    """What one row is asked.

    Attributes:
        row: its position. n_series: cells of it. interval_s: the entity's sampling interval.
        lasting_rows: rows that surprise has to last.
        target_nats: surprise that the false-alarm rate asks for. factor: of its service, on thresholds.
        band_nats: surprise of a value at the edge of its band. alarm_nats: of a departure that is an alarm.
    """

    row: int
    n_series: int
    interval_s: float
    lasting_rows: int
    target_nats: float
    factor: float
    band_nats: float
    alarm_nats: float


class SeriesEvidence(NamedTuple):
    """What the series of a row show.

    Attributes:
        onset: how new the row is. level: nats of the most surprising series. departed: of the farthest departure, 1 is
            an alarm. is_judged: whether enough is known of every series to say so.
    """

    onset: float
    level: float
    departed: float
    is_judged: bool


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
            level detectors. departure: float64 `(n_cells,)`, how far it departs from usual, 1 is an alarm.
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
    departure: NDArray[np.float64]
    drift: NDArray[np.float64]


def empty_scores(n_rows: int, n_cells: int) -> Scores:
    """Room for the scores of so many rows and cells."""
    return Scores(
        score=np.zeros(n_rows),
        value=np.full((n_rows, TOP), np.nan),
        expected=np.full((n_rows, TOP), np.nan),
        lower=np.full((n_rows, TOP), np.nan),
        upper=np.full((n_rows, TOP), np.nan),
        readiness=np.zeros(n_rows, np.int8),
        phase=np.zeros(n_rows, np.int8),
        since_ns=np.zeros(n_rows, np.int64),
        learnt=np.zeros(n_rows),
        cause=np.full((n_rows, TOP), -1, np.int32),
        part=np.zeros((n_rows, TOP)),
        onset_score=np.zeros(n_cells),
        level_score=np.zeros(n_cells),
        departure=np.zeros(n_cells),
        drift=np.full(n_cells, np.nan),
    )


def selected_scores(scores: Scores, which: NDArray[np.int64]) -> Scores:
    """Scores of some rows, with all cells."""
    per_row = {
        name: getattr(scores, name)[which]
        for name in Scores._fields
        if name not in ("onset_score", "level_score", "departure", "drift")
    }
    return scores._replace(**per_row)
