"""The fold's configuration from the settings: one place, so that a backtest scores as the live system does."""

from __future__ import annotations

from infra.settings import Settings
from models.pipeline.config import PipelineConfig


def pipeline_config(settings: Settings) -> PipelineConfig:
    """What a partition's pipeline is made with."""
    return PipelineConfig(
        entity_rule=settings.entity_rule,
        lateness_s=settings.lateness_s,
        alerts_per_entity_week=settings.alerts_per_entity_week,
        metric_rules=settings.metric_rules,
        training_min_rows=settings.training_min_rows,
        stale_after_s=settings.stale_after_s,
    )
