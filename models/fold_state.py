"""The tables of the fold: the fields of everything that remembers something of a series or of an entity, side by side.

Each module owns its fields, which begin with its own word; here they only meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from models.detectors import hour_of_day, novelty, residual
from models.drift import frame
from models.scoring import alert_threshold, entity_calibration, episode_rules, score_rows
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
    score_rows.RecentValues,
    frame.DriftFrame,
)
"""One row a series."""

ENTITIES: Final = Layout.of(
    tables.EntityLinks,
    assembly.EntityTicks,
    alert_threshold.ThresholdRow,
    score_rows.RecentSurprise,
    entity_calibration.CalibrationRow,
    episode_rules.EpisodeRow,
    score_rows.LatestResult,
)
"""One row an entity."""


def new_state(rule: EntityRule, metric_rules: Sequence[MetricRule] = ()) -> State:
    """A state that knows no series yet, with every field of the fold."""
    return State(SERIES, ENTITIES, rule, metric_rules)
