"""The tables of the fold: the fields of everything that remembers something of a series or of an entity, side by side.

Each module owns its fields, which begin with its own word; here they only meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.detectors import hour_of_day, novelty, residual
from models.detectors.departure import departure, profile, scatter, schedule, standstill
from models.drift import frame
from models.scoring import alert_threshold, entity_calibration, episode_rules, scores
from models.series import EntityRule
from models.sli import counts
from models.state import metric_rules, tables
from models.state.fields import Layout
from models.state.metric_rules import MetricRule
from models.state.tables import State
from models.ticks import assembly

SERIES: Final = Layout.of(
    tables.SeriesLinks,
    metric_rules.MetricRuleRow,
    counts.SliRow,
    assembly.SeriesTicks,
    residual.ResidualRow,
    novelty.NoveltyRow,
    hour_of_day.HourOfDayRow,
    profile.ProfileRow,
    scatter.ScatterRow,
    schedule.ScheduleRow,
    standstill.StandstillRow,
    departure.DepartureRow,
    scores.RecentValues,
    frame.DriftFrame,
)
"""One row a series."""

ENTITIES: Final = Layout.of(
    tables.EntityLinks,
    assembly.EntityTicks,
    alert_threshold.ThresholdRow,
    scores.RecentSurprise,
    entity_calibration.CalibrationRow,
    episode_rules.EpisodeRow,
    scores.LatestResult,
)
"""One row an entity."""


def new_state(rule: EntityRule, metric_rules: Sequence[MetricRule] = ()) -> State:
    """A state that knows no series yet, with every field of the fold."""
    return State(SERIES, ENTITIES, rule, metric_rules)
