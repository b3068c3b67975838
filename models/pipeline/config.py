"""What a fold's results depend on besides samples, SLOs and models."""

from __future__ import annotations

from dataclasses import dataclass

from models.scoring.episode_rules import EpisodeRules
from models.scoring.scores import ScoringRules
from models.series import EntityRule
from models.state.metric_rules import MetricRule
from models.timestamps import DAY_S, SECOND_NS


@dataclass(frozen=True)
class PipelineConfig:
    """Everything that a fold's results depend on besides samples, SLOs and models.

    Attributes:
        lateness_s: how far behind its entity's newest sample a sample may be and still count.
        alerts_per_entity_week: the false-alarm rate that a score of 1 stands for.
        metric_rules: which changes of which metrics count; the first that names a metric does.
        training_min_rows: rows of a service before its first model is asked for; a quarter of it teaches a new regime.
        stale_after_s: age of a champion's newest training row at which another is asked for.
        rebaseline_rows: rows that a new regime must last to be the new normal without a new model having learnt it:
            longer than incidents people want held open.
        drift_delta: ADWIN's confidence, River's default. drift_confirm_rows: rows that a detected change must last; at
            one second a minute-long incident is none. drift_min_effect: deviations that the mean must have moved.
        episode_*: see `EpisodeRules`. Ten close rows end an incident ten seconds after it at one-second ticks.
    """

    entity_rule: EntityRule
    lateness_s: float = 60.0
    alerts_per_entity_week: float = 1.0
    metric_rules: tuple[MetricRule, ...] = ()
    training_min_rows: int = 240
    stale_after_s: float = DAY_S
    rebaseline_rows: int = 300
    drift_delta: float = 0.002
    drift_confirm_rows: int = 90
    drift_min_effect: float = 3.0
    episode_min_rows: int = 1
    episode_at_once: float = 2.0
    episode_gap_rows: int = 3
    episode_hold_score: float = 0.7
    episode_close_rows: int = 10
    episode_ready_rows: int = 30

    @property
    def lateness_ns(self) -> int:
        return int(self.lateness_s * SECOND_NS)

    def scoring_rules(self) -> ScoringRules:
        """The part that the scoring loop needs."""
        episode = EpisodeRules(
            self.episode_min_rows,
            self.episode_at_once,
            self.episode_gap_rows,
            self.episode_hold_score,
            self.episode_close_rows,
            self.episode_ready_rows,
        )
        return ScoringRules(self.alerts_per_entity_week, self.rebaseline_rows, episode)
